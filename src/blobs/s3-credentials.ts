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

/** Ones with an end are renewed from this long before it on, beside what is done with them. */
const renewBeforeMs = 5 * 60 * 1000;
/** A place may give the same until the end, or be away for a while. */
const renewEveryMs = 10_000;
const refreshEveryMs = 10_000;

/**
 * From the environment, the profile files, a web identity, the container or the instance, in the order
 * of every AWS program. The library is loaded when the first are asked for: it takes 18 MB.
 */
export function createCredentials(clock: Clock): Credentials {
  let known: { values: CredentialValues; expiresAt: number } | null = null;
  let asking: Promise<CredentialValues> | null = null;
  let renewedAt = Number.NEGATIVE_INFINITY;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  async function find(): Promise<CredentialValues> {
    const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
    const found = await defaultProvider()();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    const values = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    known = { values, expiresAt: expiration?.getTime() ?? Number.POSITIVE_INFINITY };
    return values;
  }

  function ask(): Promise<CredentialValues> {
    asking ??= find().finally(() => {
      asking = null;
    });
    return asking;
  }

  function renew(): void {
    if (clock.monotonic() - renewedAt < renewEveryMs) return;
    renewedAt = clock.monotonic();
    // Those that are known are good for a while yet. When they are not, whoever needs some hears why.
    ask().catch(() => {});
  }

  return {
    current() {
      const leftMs = known === null ? 0 : known.expiresAt - clock.now();
      if (known === null || leftMs <= 0) return ask();
      if (leftMs <= renewBeforeMs) renew();
      return Promise.resolve(known.values);
    },
    refresh() {
      if (clock.monotonic() - refreshedAt < refreshEveryMs) return false;
      refreshedAt = clock.monotonic();
      known = null;
      return true;
    },
  };
}
