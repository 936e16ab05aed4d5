import type { Clock } from "../lib/clock.ts";

export interface CredentialValues {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Credentials {
  current(): Promise<CredentialValues>;
  /** They were refused as expired: others are looked for. False when that was done a moment ago. */
  refresh(): boolean;
}

/** Ones with an end are renewed this long before it. */
const renewBeforeMs = 5 * 60 * 1000;
const refreshEveryMs = 10_000;

/**
 * From the environment, the profile files, a web identity, the container or the instance, in the order
 * of every AWS program. The library is loaded when the first are asked for: it takes 18 MB.
 */
export function createCredentials(clock: Clock): Credentials {
  let known: { values: CredentialValues; until: number } | null = null;
  let asking: Promise<CredentialValues> | null = null;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  async function ask(): Promise<CredentialValues> {
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    const found = await defaultProvider()();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    const values = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    known = { values, until: (expiration?.getTime() ?? Number.POSITIVE_INFINITY) - renewBeforeMs };
    return values;
  }

  return {
    current() {
      if (known !== null && clock.now() < known.until) return Promise.resolve(known.values);
      asking ??= ask().finally(() => {
        asking = null;
      });
      return asking;
    },
    refresh() {
      if (clock.monotonic() - refreshedAt < refreshEveryMs) return false;
      refreshedAt = clock.monotonic();
      known = null;
      return true;
    },
  };
}
