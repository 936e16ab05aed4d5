import type { Config } from "../platform/config.ts";

/** Where a registry keeps everything, in one line without secrets. */
export function describePlace({ data, database, s3 }: Config): string {
  return `database ${nameOfDatabase(database) ?? `${data}/berth.db`}, blobs ${nameOfBucket(s3) ?? `${data}/blobs`}`;
}

function nameOfDatabase(database: Config["database"]): string | null {
  if (database === null) return null;
  const { user, hosts, database: name } = database.address;
  return `postgres://${user}@${hosts.map(({ host, port }) => `${host}:${port}`).join()}/${name}`;
}

function nameOfBucket(s3: Config["s3"]): string | null {
  if (s3 === null) return null;
  const at = s3.endpoint === null ? "" : ` at ${s3.endpoint}`;
  return `s3://${s3.bucket}/${s3.prefix}${at}`;
}
