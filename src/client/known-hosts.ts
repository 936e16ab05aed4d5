import { join } from "node:path";
import { isRecord, type JsonRecord, readJsonFile, writeJsonFile } from "./json-file.ts";

/** A registry that somebody signed in to with `berth login`. */
export interface KnownHost {
  readonly host: string;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly user: string;
  /** When its token ends, RFC 3339; null for one that does not, or of which that is not known. */
  readonly expiresAt: string | null;
}

export interface KnownHosts {
  /** The one that commands are about; null for the data folder of this machine. */
  readonly current: string | null;
  readonly hosts: readonly KnownHost[];
}

export function readKnownHosts(configFolder: string): KnownHosts {
  const { current, hosts } = readJsonFile(fileIn(configFolder));
  const entries = Object.entries(isRecord(hosts) ? hosts : {});
  return {
    current: typeof current === "string" ? current : null,
    hosts: entries.flatMap(([host, entry]) => (isRecord(entry) ? [hostOf(host, entry)] : [])),
  };
}

export function noteHost(configFolder: string, known: KnownHost): void {
  const notes = readJsonFile(fileIn(configFolder));
  const hosts = isRecord(notes["hosts"]) ? notes["hosts"] : {};
  const { host, origin, user, expiresAt } = known;
  hosts[host] = { origin, user, expires_at: expiresAt };
  writeJsonFile(fileIn(configFolder), { ...notes, hosts });
}

/** False: it was not there. */
export function forgetHost(configFolder: string, host: string): boolean {
  const { hosts, ...notes } = readJsonFile(fileIn(configFolder));
  if (!isRecord(hosts) || !(host in hosts)) return false;
  delete hosts[host];
  if (notes["current"] === host) delete notes["current"];
  writeJsonFile(fileIn(configFolder), { ...notes, hosts });
  return true;
}

export function chooseHost(configFolder: string, host: string | null): void {
  writeJsonFile(fileIn(configFolder), { ...readJsonFile(fileIn(configFolder)), current: host });
}

function fileIn(configFolder: string): string {
  return join(configFolder, "hosts.json");
}

function hostOf(host: string, { origin, user, expires_at }: JsonRecord): KnownHost {
  return {
    host,
    origin: typeof origin === "string" ? origin : `https://${host}`,
    user: typeof user === "string" ? user : "",
    expiresAt: typeof expires_at === "string" ? expires_at : null,
  };
}
