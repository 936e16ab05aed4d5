/** Servers that Berth takes and that it refuses, and the tables of a later release. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApp } from "../../src/app.ts";
import { explainStartError } from "../../src/cli/start-error.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { basic, startClosedApp } from "../accounts/closed-app.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { asNobody, sharedPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { startTestApp } from "../support/test-app.ts";
import { migratedDatabase } from "../support/test-database.ts";

/** What the program says instead of starting; null where it starts. */
async function refusal(env: Record<string, string>): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), "berth-server-"));
  const { config } = loadConfig({ data: folder }, env);
  const log = createLog({ format: "json", level: "error", write() {} });
  try {
    await (await openApp(config, log)).close();
    return null;
  } catch (error) {
    return explainStartError(error, config) ?? String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("a server is refused in one sentence", () => {
  test("that may forget what it acknowledged, unless that is asked for", async () => {
    const server = await startPostgres({ settings: { fsync: "off" } });
    try {
      const url = await server.createDatabase();
      const said = await refusal({ BERTH_DATABASE: url });
      expect(said).toContain("has fsync off");
      expect(said).toContain("database.unsafe");
      expect(await refusal({ BERTH_DATABASE: url, BERTH_DATABASE_UNSAFE: "true" })).toBeNull();
    } finally {
      await server.remove();
    }
  });

  test("whose user commits without waiting for the disk", async () => {
    const server = await sharedPostgres();
    const url = await server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    await server.run(`alter database ${name} set synchronous_commit = off`);
    expect(await refusal({ BERTH_DATABASE: url })).toContain("has synchronous_commit off");
  });

  test("whose texts are not Unicode", async () => {
    const server = await sharedPostgres();
    await server.run(
      "create database latin encoding 'LATIN1' locale 'C' locale_provider libc template template0",
    );
    expect(await refusal({ BERTH_DATABASE: server.url("latin") })).toContain("LATIN1");
  });

  test("that is not there, or has no such database", async () => {
    const server = await sharedPostgres();
    expect(await refusal({ BERTH_DATABASE: "postgres://me@127.0.0.1:9/db" })).toContain(
      "cannot be reached",
    );
    const missing = await refusal({ BERTH_DATABASE: server.url("nothing") });
    expect(missing).toContain('database "nothing" does not exist');
  });

  test("with secrets that another key sealed", async () => {
    const url = await (await sharedPostgres()).createDatabase();
    const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
    expect(await refusal({ BERTH_DATABASE: url, BERTH_SECRET_KEY: key(1) })).toBeNull();
    const said = await refusal({ BERTH_DATABASE: url });
    expect(said).toContain("give all nodes of a database the same BERTH_SECRET_KEY");
    expect(await refusal({ BERTH_DATABASE: url, BERTH_SECRET_KEY: key(2) })).toContain("cannot be");
    expect(await refusal({ BERTH_DATABASE: url, BERTH_SECRET_KEY: key(1) })).toBeNull();
  });
});

describe("TLS", () => {
  let server: TestPostgres;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-postgres-tls-"));
    chmodSync(folder, 0o755);
    for (const name of ["server", "other"]) {
      const made = Bun.spawnSync([
        ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
        ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.crt`)],
        ...["-subj", "/CN=db.test", "-addext", "subjectAltName=DNS:localhost"],
      ]);
      expect(made.exitCode).toBe(0);
      chmodSync(join(folder, `${name}.key`), 0o600);
      if (asNobody.uid !== undefined) {
        chownSync(join(folder, `${name}.key`), asNobody.uid, asNobody.uid);
      }
    }
    server = await startPostgres({
      settings: {
        ssl: "on",
        ssl_cert_file: join(folder, "server.crt"),
        ssl_key_file: join(folder, "server.key"),
      },
    });
  });
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true });
  });

  test("encrypts, and with verify-full asks who answers", async () => {
    const name = new URL(await server.createDatabase()).pathname;
    const at = (host: string, query: string) => ({
      BERTH_DATABASE: `postgres://berth@${host}:${server.port}${name}?${query}`,
      BERTH_SECRET_KEY: Buffer.alloc(32, 1).toString("base64"),
    });
    const trusted = `sslrootcert=${join(folder, "server.crt")}`;
    const strange = `sslrootcert=${join(folder, "other.crt")}`;
    expect(await refusal(at("127.0.0.1", "sslmode=require"))).toBeNull();
    expect(await refusal(at("127.0.0.1", `sslmode=verify-ca&${trusted}`))).toBeNull();
    expect(await refusal(at("localhost", `sslmode=verify-full&${trusted}`))).toBeNull();
    expect(await refusal(at("127.0.0.1", `sslmode=verify-full&${trusted}`))).not.toBeNull();
    expect(await refusal(at("127.0.0.1", `sslmode=verify-ca&${strange}`))).not.toBeNull();
    const [row] = await server.run("select count(*) as n from pg_stat_ssl where ssl");
    expect(Number(row?.["n"])).toBe(0);
  });

  test("is not had from a server without it", async () => {
    const plain = await sharedPostgres();
    const url = await plain.createDatabase();
    expect(await refusal({ BERTH_DATABASE: `${url}?sslmode=require` })).toContain("SSL");
  });
});

describe("the tables of the next release", () => {
  test("are served: columns that come while statements are prepared hold up nobody", async () => {
    const server = await sharedPostgres();
    const url = await migratedDatabase(server);
    const name = new URL(url).pathname.slice(1);
    const admin = ["admin", "correct horse battery staple"] as const;
    const app = await startClosedApp({
      env: { BERTH_DATABASE: url, BERTH_ADMIN_PASSWORD: admin[1] },
    });
    try {
      const client = createOciClient((path, init = {}) =>
        app.fetch(path, { ...init, headers: { ...(init.headers as object), ...basic(admin) } }),
      );
      await client.pushImage("later/app", makeImage("later"), "v1");
      let isOver = false;
      const statuses = new Map<number, number>();
      const pullers = Array.from({ length: 8 }, async (_, k) => {
        while (!isOver) {
          const path = k % 2 === 0 ? "/v2/later/app/manifests/v1" : "/api/v1/projects";
          const status = await client.status(path);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      });
      for (const table of ["principals", "credentials", "manifests", "tags", "uploads", "grants"]) {
        await server.run(`alter table ${table} add column of_the_next_release text`, name);
        await server.run("update access_version set version = version + 1", name);
        await Bun.sleep(200);
      }
      await client.pushImage("later/app", makeImage("later still"), "v2");
      isOver = true;
      await Promise.all(pullers);
      expect([...statuses.keys()]).toEqual([200]);
    } finally {
      await app.remove();
    }
  });

  test("are made once, by whichever of several nodes comes first", async () => {
    const url = await (await sharedPostgres()).createDatabase();
    const env = { BERTH_DATABASE: url, BERTH_SECRET_KEY: Buffer.alloc(32, 3).toString("base64") };
    const nodes = await Promise.all(Array.from({ length: 4 }, () => startTestApp({ env })));
    for (const node of nodes) {
      expect((await node.fetch("/readyz")).status).toBe(200);
      expect(node.logged).toEqual([]);
      await node.remove();
    }
  });
});
