import type { Management } from "../access/endpoint.ts";
import type { Directories } from "../auth/directories.ts";
import { anonymous } from "../auth/principal.ts";
import type { PrincipalRow, ProviderRow } from "../db/tables.ts";
import type { Chore } from "../jobs/chore.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { directoryOf, showsPeople } from "./directory.ts";
import { listWaysIn } from "./identity-store.ts";
import { joinAccount } from "./join-account.ts";
import { DirectoryError } from "./ldap-connection.ts";
import { type Sought, signInAt } from "./ldap-people.ts";
import { limitSignIns } from "./provider-limits.ts";
import { issuerOf, listDirectories } from "./provider-store.ts";
import { syncDirectory } from "./sync-directory.ts";

const passwordBytesMax = 1024;
const nameLengthMax = 256;
const retrySeconds = 30;
const syncEveryMs = 10 * 60_000;

type DirectoriesDeps = Pick<Management, "db" | "clock" | "log" | "audit" | "secrets"> & {
  readonly access: Pick<Management["access"], "changed">;
};

/** Asks the directories that administrators named. */
export function createDirectories(deps: DirectoriesDeps): Directories {
  const { db, log, secrets } = deps;

  async function ask(
    provider: ProviderRow,
    sought: Sought,
    password: string,
    address: string,
  ): Promise<PrincipalRow | null> {
    const directory = directoryOf(secrets, provider);
    const limited = { provider: provider.id, address };
    const person = await limitSignIns(db, limited, () => signInAt(directory, sought, password));
    // Where people sign in by their DN, the name may be another one's here.
    if (person === null || ("subject" in sought && sought.subject !== person.subject)) return null;
    const call = { principal: anonymous, address, remember: null };
    return await joinAccount(deps, call, provider, person);
  }

  return {
    async state() {
      const providers = await listDirectories(db.reads);
      return providers.map(({ id, version }) => `${id} ${version}`).join();
    },
    async check({ name, known, password, address }) {
      if (!mayBeRight(name, password)) return { kind: "wrong" };
      let isWrong = false;
      let away: RegistryError | null = null;
      for (const { provider, sought } of await whoMayKnow(deps, name, known)) {
        try {
          const row = await ask(provider, sought, password, address);
          if (row !== null) return { kind: "right", row };
          isWrong = true;
        } catch (error) {
          if (isTooMany(error)) {
            away ??= error;
            continue;
          }
          if (!(error instanceof DirectoryError)) throw error;
          log.warn(`The directory ${provider.name} could not say who signs in: ${error.message}`);
          away ??= unavailable(provider);
        }
      }
      return away === null ? { kind: "wrong" } : { kind: "away", isWrong, error: away };
    },
  };
}

/** See `limitSignIns`: the next directory may still be asked. */
function isTooMany(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.code === "TOOMANYREQUESTS";
}

function unavailable({ title }: ProviderRow): RegistryError {
  return new RegistryError("UNAVAILABLE", {
    message: `${title} cannot be asked now, so its people cannot sign in with their passwords: try again in a minute, or use a token`,
    headers: { "retry-after": `${retrySeconds}` },
  });
}

/** Nobody has an empty password, whatever a directory says of it: see `bind`. */
function mayBeRight(name: string, password: string): boolean {
  const bytes = Buffer.byteLength(password);
  const isName = name !== "" && name.length <= nameLengthMax && !/\p{Cc}/u.test(name);
  return isName && bytes > 0 && bytes <= passwordBytesMax;
}

async function whoMayKnow(
  { db }: DirectoriesDeps,
  name: string,
  known: PrincipalRow | null,
): Promise<readonly { readonly provider: ProviderRow; readonly sought: Sought }[]> {
  const providers = await listDirectories(db.reads);
  if (known === null) return providers.map((provider) => ({ provider, sought: { name } }));
  const identities = await listWaysIn(db.reads, known.id);
  return providers.flatMap((provider) =>
    identities
      .filter(({ issuer }) => issuer === issuerOf(provider))
      .map(({ subject }) => ({ provider, sought: { name, subject } })),
  );
}

/** Compares all directories that show people with their accounts. */
export function directoryChore(deps: DirectoriesDeps): Chore {
  return {
    name: "compare directories with accounts",
    everyMs: syncEveryMs,
    deletes: false,
    async run({ signal, db }) {
      const actor = { id: null, name: "(system)", credentialId: null, address: "" };
      for (const provider of await listDirectories(db.reads)) {
        if (signal.aborted) return;
        if (!showsPeople(directoryOf(deps.secrets, provider))) continue;
        const call = { actor, preview: false, isAskedFor: false, signal };
        try {
          await syncDirectory({ ...deps, db }, provider, call);
        } catch (error) {
          if (!(error instanceof RegistryError)) throw error;
          // The next one may answer.
          const { name } = provider;
          deps.log.warn(`The directory ${name} could not be compared: ${error.message}`);
        }
      }
    },
  };
}
