import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onPostgres } from "../../test/support/test-database.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import type { Management, ThisServer } from "../access/endpoint.ts";
import type { DiskSpace } from "../blobs/disk-reserve.ts";
import { DatabaseAwayError } from "../db/database-away.ts";
import { type Config, loadConfig } from "../platform/config.ts";
import { lookAtAll } from "./health.ts";
import {
  lookAtCertificate,
  lookAtDatabase,
  lookAtDisk,
  lookAtServer,
  lookAtSettings,
} from "./look-at-server.ts";

/** Signed by itself, and of no use to anybody. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUQI4p9pX3uv/1pf3fl+KNzbTM7PkwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUcmVnaXN0cnkuZXhhbXBsZS5jb20wIBcNMjYxMTMwMDAzMTM3
WhgPMjEyNjExMDYwMDMxMzdaMB8xHTAbBgNVBAMMFHJlZ2lzdHJ5LmV4YW1wbGUu
Y29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEM7u8XkCQ0JCwS0ie9q3Q/A2A
ftD0SvOAziukA87Q7ak3RlX1xNqVhbaTAiHNB6VYwzjoRZuq6vCBuBkk4xRMMaNT
MFEwHQYDVR0OBBYEFKE8mktxI+eygGPuf1I8+xhP5ErvMB8GA1UdIwQYMBaAFKE8
mktxI+eygGPuf1I8+xhP5ErvMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
SAAwRQIhAJbXtAhJEXSNs62cw3mX+gZ266Ka9iqyjWTM+lvZgnGvAiAN549KADAN
p0LBxKthrlyX8Q5vMQR3Qj9E2hT849eSZw==
-----END CERTIFICATE-----
`;
const ends = "Nov  6 00:31:37 2126 GMT";

const here: ThisServer = {
  node: { id: "1", name: "host", version: "1" },
  notReady: () => null,
  isMoving: () => false,
  space: () => null,
};
const { config } = loadConfig({ data: "/srv" }, {}, () => null);

function manage(
  server: Partial<ThisServer>,
  {
    told = config,
    oneServer = true,
    now = 0,
  }: { told?: Config; oneServer?: boolean; now?: number } = {},
): Management {
  return {
    config: told,
    server: { ...here, ...server },
    db: { facts: { oneServer } },
    blobs: { stagedIsDurable: !oneServer },
    clock: { now: () => now, monotonic: () => now },
  } as unknown as Management;
}

test("a server that should get no requests is bad, one that is moved is to be looked at", () => {
  expect(lookAtServer(manage({}))).toMatchObject({ state: "ok", advice: null });
  expect(lookAtServer(manage({ notReady: () => "2 of 3 processes serve" }))).toMatchObject({
    state: "bad",
    message: "it should get no requests: 2 of 3 processes serve",
  });
  expect(lookAtServer(manage({ isMoving: () => true })).state).toBe("warn");
});

describe("the disk", () => {
  const space = (freeBytes: number, more: Partial<DiskSpace> = {}) => ({
    space: () => ({
      ...{ freeBytes, allBytes: 100e9, freeInodes: 1_000, keptBytes: 4e6, isFull: false },
      ...more,
    }),
  });

  test("is well while a tenth of it is free, or enough for anybody", () => {
    expect(lookAtDisk(manage(space(11e9)))).toMatchObject({
      state: "ok",
      message: "11 GB of 100 GB are free below /srv; 4 MB are kept for deletes",
    });
    expect(lookAtDisk(manage(space(9e9)))?.state).toBe("warn");
    expect(lookAtDisk(manage(space(60e9, { allBytes: 4e12 })))?.state).toBe("ok");
    expect(lookAtDisk(manage(here))).toBeNull();
  });

  test("is bad once pushes are refused, and says for what", () => {
    expect(lookAtDisk(manage(space(3e6, { isFull: true })))?.message).toContain("3 MB of 100 GB");
    const inodes = lookAtDisk(manage(space(50e9, { isFull: true, freeInodes: 3 })));
    expect(inodes).toMatchObject({ state: "bad" });
    expect(inodes?.message).toContain("3 inodes are free below /srv: pushes are refused");
    // Where neither rows nor blobs are here, nobody is kept from pushing.
    const elsewhere = manage(space(3e6, { isFull: true }), { oneServer: false });
    expect(lookAtDisk(elsewhere)?.state).toBe("warn");
  });
});

describe("the database", () => {
  let world: TestRegistry;
  let ms = 0;
  beforeAll(async () => {
    world = await openTestRegistry();
  });
  beforeEach(() => {
    ms = 0;
  });
  afterAll(() => world.remove());

  /** Its clock goes on by so much with each look at it. */
  const within = (step: number, server: Partial<ThisServer> = {}) => {
    const clock = {
      now: () => 0,
      monotonic() {
        ms += step;
        return ms;
      },
    };
    return { ...manage(server), db: world.registry.db, clock };
  };

  test("is well where it answers within 100 ms", async () => {
    const name = onPostgres ? "PostgreSQL" : "SQLite";
    const fine = { state: "ok", message: `${name} answers within 100 ms`, advice: null };
    expect(await lookAtDatabase(within(100))).toMatchObject(fine);
    const slow = { state: "warn", message: `${name} answers within 101 ms` };
    expect(await lookAtDatabase(within(101))).toMatchObject(slow);
  });

  test("is not said to be slow for what others do meanwhile", async () => {
    const space = () => {
      ms += 5_000;
      return null;
    };
    const checks = await lookAtAll(within(1, { space }));
    expect(ms).toBeGreaterThan(5_000);
    expect(checks.find(({ name }) => name === "database")).toMatchObject({ state: "ok" });
  });
});

describe("the certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-health-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const cert = join(folder, "tls.crt");
  writeFileSync(cert, certificate);
  const told = loadConfig({}, { BERTH_TLS_CERT: cert, BERTH_TLS_KEY: "/k" }, () => null).config;
  const end = Date.parse(ends);
  const at = (days: number) => lookAtCertificate(manage(here, { told, now: end - days * 864e5 }));

  test("ends: first it is to be looked at, then it is bad", () => {
    expect(at(30)).toEqual({ state: "ok", message: "it ends in 30 days", advice: null, at: end });
    expect(at(20)).toMatchObject({ state: "warn", message: "it ends in 20 days", at: end });
    expect(at(2)?.state).toBe("bad");
    expect(at(-1)).toMatchObject({ state: "bad", message: "it has ended, and clients refuse it" });
    expect(at(20)?.advice).toContain(cert);
  });

  test("is nobody's business here where somebody in front has it", () => {
    expect(lookAtCertificate(manage(here))).toBeNull();
  });
});

test("what was logged of the settings at the start is told", () => {
  expect(lookAtSettings(manage(here)).state).toBe("ok");
  const told = loadConfig({}, { BERTH_LISTN: ":1" }, () => null).config;
  expect(lookAtSettings(manage(here, { told }))).toMatchObject({
    state: "warn",
    message:
      "The environment variable BERTH_LISTN is none of Berth's and has no effect; did you mean BERTH_LISTEN?",
  });
});

test("without its database that alone is bad, and what needs it is said to", async () => {
  const away = new DatabaseAwayError(null);
  const fail = () => {
    throw away;
  };
  const db = {
    facts: { oneServer: false, now: fail },
    reads: new Proxy({}, { get: fail }),
    away: () => away,
  };
  const checks = await lookAtAll({ ...manage(here), db } as unknown as Management);
  const states = Object.fromEntries(checks.map(({ name, state }) => [name, state]));
  expect(states).toMatchObject({ server: "ok", database: "bad", blobs: "warn", chores: "warn" });
  expect(Object.values(states).filter((state) => state === "bad")).toHaveLength(1);
  expect(checks.find(({ name }) => name === "chores")?.message).toContain("without the database");
});

test("what cannot be looked at is bad, and the rest is told", async () => {
  const checks = await lookAtAll(manage(here));
  expect(checks.find(({ name }) => name === "database")).toMatchObject({ state: "bad" });
  expect(checks.find(({ name }) => name === "server")).toMatchObject({ state: "ok" });
});
