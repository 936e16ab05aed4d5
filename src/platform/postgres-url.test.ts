import { describe, expect, test } from "bun:test";
import { ConfigError, loadConfig } from "./config.ts";
import { maskPassword, parsePostgresUrl } from "./postgres-url.ts";

describe("the address of a PostgreSQL", () => {
  test("has hosts, user, password and database, decoded", () => {
    expect(parsePostgresUrl("postgres://me:s%40%3Acret@one,[::1]:5433/the%20db")).toEqual({
      hosts: [
        { host: "one", port: 5432 },
        { host: "::1", port: 5433 },
      ],
      user: "me",
      password: "s@:cret",
      database: "the db",
      sslMode: "require",
      sslRootCert: null,
    });
  });

  test("is encrypted unless it is on this machine, or says otherwise", () => {
    const modeOf = (rest: string) => parsePostgresUrl(`postgresql://me@${rest}`).sslMode;
    expect(modeOf("127.0.0.1:5555/db")).toBe("disable");
    expect(modeOf("localhost/db")).toBe("disable");
    expect(modeOf("127.0.0.1,db.example.com/db")).toBe("require");
    expect(modeOf("db/db?sslmode=disable")).toBe("disable");
    const verified = parsePostgresUrl("postgres://me@db/db?sslmode=verify-ca&sslrootcert=/ca.pem");
    expect(verified).toMatchObject({ sslMode: "verify-ca", sslRootCert: "/ca.pem" });
  });

  test.each([
    ["mysql://me@db/db", "postgres://user@host"],
    ["postgres://db/db", "must name the user"],
    ["postgres://me@db/", "must name the database"],
    ["postgres://me@db:70000/db", "must name hosts"],
    ["postgres://me@one,,two/db", "must name hosts"],
    ["postgres://me@db/db?sslmode=prefer", "sslmode of disable, require, verify-ca, verify-full"],
    ["postgres://me@db/db?sslrootcert=/ca.pem", "verify-ca and verify-full alone"],
    ["postgres://me@db/db?options=-cfsync%3Doff", "has the parameter options"],
    ["postgres://me@db/db?target_session_attrs=any", "target_session_attrs=read-write"],
    ["postgres://m%e@db/db", "two hexadecimal digits"],
  ])("%s is refused", (url, rule) => {
    expect(() => parsePostgresUrl(url)).toThrow(rule);
  });
});

describe("its password", () => {
  const secret = "a-secret-of-the-database";
  const env = { BERTH_DATABASE: `postgres://me:${secret}@db/registry` };

  test("is not printed with the settings", () => {
    expect(maskPassword(env.BERTH_DATABASE)).toBe("postgres://me:***@db/registry");
    const { config } = loadConfig({}, env, () => null);
    expect(JSON.stringify(config.sources)).not.toContain(secret);
    expect(config.database?.address.password).toBe(secret);
  });

  test("may come apart, and is in no refusal", () => {
    const apart = { BERTH_DATABASE: "postgres://me@db/registry", BERTH_DATABASE_PASSWORD: secret };
    const { config } = loadConfig({}, apart, () => null);
    expect(config.database?.address.password).toBe(secret);
    expect(JSON.stringify(config.sources)).not.toContain(secret);
    for (const wrong of [
      { ...apart, ...env },
      { BERTH_DATABASE_PASSWORD: secret },
      { BERTH_DATABASE: `${env.BERTH_DATABASE}?sslmode=no` },
    ]) {
      const refused = () => loadConfig({}, wrong, () => null);
      expect(refused).toThrow(ConfigError);
      expect(refused).not.toThrow(secret);
    }
  });
});
