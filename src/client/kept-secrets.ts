import { join } from "node:path";
import type { ClientEnvironment } from "../platform/client-environment.ts";
import { isRecord, type JsonRecord, readJsonFile, writeJsonFile } from "./json-file.ts";
import type { KeptSignIn } from "./sign-in.ts";

type Places = Pick<ClientEnvironment, "configFolder">;

/** What `docker-credential-berth` keeps for a host. */
export interface KeptSecrets {
  /** For all that is not the token service. */
  readonly basic: Extract<KeptSignIn, { kind: "basic" }> | null;
  /** Renews itself with its use: whoever pulls once a month need not sign in again. */
  readonly identity: string | null;
}

export function readSecrets(places: Places, host: string): KeptSecrets {
  const entry = readJsonFile(fileOf(places))[host];
  if (!isRecord(entry)) return { basic: null, identity: null };
  const { username, secret, identity } = entry;
  const isWhole = typeof username === "string" && typeof secret === "string";
  return {
    basic: isWhole ? { kind: "basic", name: username, secret } : null,
    identity: typeof identity === "string" ? identity : null,
  };
}

export function writeSecrets(places: Places, host: string, secrets: KeptSecrets): void {
  const { basic, identity } = secrets;
  const entry: JsonRecord = {
    ...(basic === null ? {} : { username: basic.name, secret: basic.secret }),
    ...(identity === null ? {} : { identity }),
  };
  const path = fileOf(places);
  writeJsonFile(path, { ...readJsonFile(path), [host]: entry });
}

export function eraseSecrets(places: Places, host: string): void {
  const path = fileOf(places);
  const { [host]: gone, ...others } = readJsonFile(path);
  if (gone !== undefined) writeJsonFile(path, others);
}

/** Hosts with the name of who signed in. */
export function listSecrets(places: Places): Record<string, string> {
  const entries = Object.entries(readJsonFile(fileOf(places)));
  return Object.fromEntries(
    entries.flatMap(([host, entry]) =>
      isRecord(entry) ? [[host, String(entry["username"] ?? "")]] : [],
    ),
  );
}

function fileOf({ configFolder }: Places): string {
  return join(configFolder, "secrets.json");
}
