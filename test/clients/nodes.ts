import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startNodes } from "../faults/support/nodes.ts";
import { startPostgres } from "../support/postgres.ts";
import {
  s3Settings,
  startStrictS3,
  startWeakS3,
  strictS3,
  testCredentials,
} from "../support/s3-servers.ts";
import { atEnd, daemon, folder, freePort, NotRun } from "./support.ts";

/** Nodes that share a PostgreSQL and an S3, behind nginx, which sends each request to the next one. */
export async function startBehindBalancer(
  count: number,
  settings: Readonly<Record<string, string>>,
): Promise<{ host: string; data: string }> {
  if (strictS3() === null) throw new NotRun("versitygw is not installed");
  const shared = {
    ...settings,
    ...(await databaseSettings("postgres")),
    ...(await blobSettings("s3")),
    BERTH_SECRET_KEY: randomBytes(32).toString("base64"),
  };
  const nodes = await startNodes({ count, env: () => shared });
  atEnd(() => nodes.remove());
  const host = `127.0.0.1:${freePort()}`;
  await startNginx(
    host,
    nodes.all.map(({ port }) => port),
  );
  const data = nodes.all[0]?.data;
  if (data === undefined) throw new Error("there is no node");
  return { host, data };
}

/** Of a Berth that keeps its rows in a new database of that kind; by default in SQLite. */
export async function databaseSettings(kind: string | undefined): Promise<Record<string, string>> {
  if (kind !== "postgres") return {};
  const postgres = await startPostgres();
  atEnd(() => postgres.remove());
  return { BERTH_DATABASE: await postgres.createDatabase() };
}

/** Of one that keeps its blobs in a new store of that kind; by default in files. */
export async function blobSettings(kind: string | undefined): Promise<Record<string, string>> {
  if (kind !== "s3") return {};
  const program = strictS3();
  const s3 = await (program === null ? startWeakS3() : startStrictS3(program));
  atEnd(() => s3.stop());
  return { ...testCredentials, ...s3Settings(s3, "clients") };
}

async function startNginx(host: string, ports: readonly number[]): Promise<void> {
  const home = await folder("nginx-nodes");
  const file = join(home, "nginx.conf");
  await writeFile(file, configuration(home, host, ports));
  const answers = async () => (await fetch(`http://${host}/readyz`)).status === 200;
  await daemon("nginx-nodes", ["nginx", "-p", home, "-c", file], answers);
}

/** What is in front of it says itself who asks, and by which scheme. */
function configuration(home: string, host: string, ports: readonly number[]): string {
  const servers = ports.map((port) => `    server 127.0.0.1:${port};`).join("\n");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${home}/${name};`)
    .join("\n");
  return `daemon off;
user root;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 512; }
http {
  access_log off;
${temporary}
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_buffering off;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  upstream berth {
${servers}
  }
  server {
    listen ${host};
    location / { proxy_pass http://berth; }
  }
}
`;
}
