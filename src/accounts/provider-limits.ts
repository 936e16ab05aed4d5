import { LRUCache } from "lru-cache";
import type { Management } from "../access/endpoint.ts";
import { networkOf } from "../auth/network.ts";
import { perDatabase } from "../db/compiled.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Sign-ins with one provider that may fail in a minute for one network: each asks the provider. */
const failuresMax = 30;
const windowMs = 60_000;
const networksMax = 10_000;
/** Sign-ins that wait for one provider at a time. */
const atOnceMax = 32;
const busyRetrySeconds = 10;

interface Waiting {
  /** Of each provider and network: sign-ins that failed lately. */
  readonly failures: LRUCache<string, number>;
  /** Of each provider: sign-ins that are under way. */
  readonly atOnce: Map<string, number>;
}

/**
 * Runs what asks a provider at the word of a stranger, who could make it asked without end. What succeeds is
 * not counted: a provider gives nobody codes without end, and a whole company may be one network. A
 * provider that hangs keeps nobody from another. Throws TOOMANYREQUESTS.
 */
export async function limitSignIns<T>(
  db: Management["db"],
  { provider, address }: { readonly provider: string; readonly address: string },
  body: () => Promise<T>,
): Promise<T> {
  const { failures, atOnce } = waitingOf(db);
  const key = `${provider} ${networkOf(address)}`;
  if ((failures.get(key) ?? 0) >= failuresMax) {
    throw tooMany("too many sign-ins failed from this network", windowMs / 1000);
  }
  const before = atOnce.get(provider) ?? 0;
  if (before >= atOnceMax) throw tooMany("too many sign in at once", busyRetrySeconds);
  atOnce.set(provider, before + 1);
  try {
    return await body();
  } catch (error) {
    failures.set(key, (failures.get(key) ?? 0) + 1, { noUpdateTTL: true });
    throw error;
  } finally {
    const after = (atOnce.get(provider) ?? 1) - 1;
    if (after === 0) atOnce.delete(provider);
    else atOnce.set(provider, after);
  }
}

const waitingOf = perDatabase(
  (): Waiting => ({
    failures: new LRUCache({ max: networksMax, ttl: windowMs }),
    atOnce: new Map(),
  }),
);

function tooMany(what: string, retrySeconds: number): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", {
    message: `${what}: try again in ${retrySeconds} seconds`,
    headers: { "retry-after": `${retrySeconds}` },
  });
}
