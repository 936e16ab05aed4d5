import { expect, test } from "bun:test";
import type { Management } from "../access/endpoint.ts";
import { loadConfig } from "../platform/config.ts";
import { type SettingKey, secretKeys, settingKeys, variableOf } from "../platform/settings.ts";
import { settingsEndpoint } from "./settings-endpoint.ts";

const node = { id: "1", name: "host", version: "1.2.3" };
/** Each as it is given; keys and passwords hold what nobody may read. */
const given: Readonly<Record<SettingKey, string>> = {
  listen: "127.0.0.1:7000",
  data: "/srv/berth",
  "server.processes": "2",
  blobs: "s3://images/team",
  database: "postgres://me:nobody-may-read-1@db.example.com:5433/registry?sslmode=verify-full",
  "database.password": "nobody-may-read-2",
  "database.prepared": "off",
  "database.unsafe": "true",
  open: "1",
  url: "https://registry.example.com",
  trusted_proxies: "10.0.0.0/8",
  "tls.cert": "/c.pem",
  "tls.key": "/k.pem",
  "log.format": "json",
  "log.level": "debug",
  "log.requests": "false",
  "s3.region": "eu-west-1",
  "s3.endpoint": "https://minio.example.com:9000",
  "s3.path_style": "true",
  "s3.ca": "/ca.pem",
  "s3.encryption": "aws:kms:key",
  "s3.redirect": "false",
  "s3.redirect_except": "10.0.0.0/8,buildkit",
  "s3.cdn": "https://cdn.example.com",
  "s3.cache": "1073741824",
  "registry.sparse": "allow",
  "admin.password": "nobody-may-read-3",
  signup: "open",
  project_creation: "administrators",
  secret_key: `${Buffer.from("nobody-may-read-the-first-secret").toString("base64")},${Buffer.from("nobody-may-read-the-other-secret").toString("base64")}`,
  "audit.days": "99",
  "pulls.days": "9",
  "webhooks.allow": "192.168.0.0/16",
};
const secrets = [
  ...["nobody-may-read", ...given.secret_key.split(","), "access-key-of-s3", "secret-of-s3"],
  ...["token-of-s3"],
];

type Answer = Awaited<ReturnType<typeof answered>>;

async function answered(
  env: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
  flags = {},
  input: object = {},
) {
  const { config } = loadConfig(flags, env, (path) => files[path] ?? null);
  const asked = settingsEndpoint.input.parse(input);
  const deps = { config, server: { node } } as Management;
  // biome-ignore lint/suspicious/noExplicitAny: the table of endpoints forgets the types of outputs
  return (await settingsEndpoint.handler(deps, asked, null as never)) as any;
}

const find = ({ items }: Answer, name: string) =>
  items.find((item: { name: string }) => item.name === name);

test("tells every setting, and no secret, wherever it was given", async () => {
  const aws = {
    AWS_ACCESS_KEY_ID: "access-key-of-s3",
    AWS_SECRET_ACCESS_KEY: "secret-of-s3",
    AWS_SESSION_TOKEN: "token-of-s3",
  };
  const whole = Object.entries(given);
  // One of the two has the password of the database.
  for (const left of ["database.password", "database"] as const) {
    const some = whole.map(([key, value]) =>
      key === "database" && left === "database"
        ? ([key, value.replace(/:nobody[^@]*/, "")] as const)
        : ([key, value] as const),
    );
    const told = some.filter(([key]) => key !== left || left === "database");
    const variables = told.map(([key, value]) => [variableOf(key as SettingKey), value]);
    const inFiles = told.map(([key]) => [`${variableOf(key as SettingKey)}_FILE`, `/s/${key}`]);
    const files = Object.fromEntries(told.map(([key, value]) => [`/s/${key}`, `${value}\n`]));
    const yaml = told.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join("\n");
    for (const answer of [
      await answered({ ...aws, ...Object.fromEntries(variables) }),
      await answered({ ...aws, ...Object.fromEntries(inFiles) }, files),
      await answered(aws, { "/b.yaml": yaml }, { config: "/b.yaml" }),
    ]) {
      expect(answer.items.map(({ name }: { name: string }) => name)).toEqual([...settingKeys]);
      for (const secret of secrets) expect(JSON.stringify(answer)).not.toContain(secret);
      for (const key of secretKeys) {
        expect(find(answer, key)).toMatchObject({ value: null, secret: true, set: key !== left });
      }
      expect(find(answer, "database").value).toContain("@db.example.com:5433/registry");
      expect(find(answer, "tls.key").value).toBe("/k.pem");
    }
  }
});

test("says where each comes from, and of which server it is", async () => {
  const answer = await answered(
    { BERTH_LOG_LEVEL: "warn", BERTH_SECRET_KEY_FILE: "/s" },
    { "/b.yaml": "signup: open\n", "/s": Buffer.alloc(32, 1).toString("base64") },
    { config: "/b.yaml", listen: ":7000" },
  );
  expect(answer.node).toEqual(node);
  expect(find(answer, "listen")).toMatchObject({ from: "flag", source: "--listen" });
  expect(find(answer, "log.level")).toEqual({
    name: "log.level",
    variable: "BERTH_LOG_LEVEL",
    value: "warn",
    secret: false,
    set: true,
    from: "environment",
    source: "BERTH_LOG_LEVEL",
    purpose: "The least that is logged.",
  });
  expect(find(answer, "signup")).toMatchObject({ from: "file", source: "/b.yaml", value: "open" });
  expect(find(answer, "secret_key")).toMatchObject({
    from: "environment",
    source: "BERTH_SECRET_KEY_FILE (/s)",
    value: null,
  });
  expect(find(answer, "url")).toMatchObject({
    from: "default",
    source: null,
    value: "",
    set: false,
  });
  for (const { purpose } of answer.items) expect(purpose).not.toBe("");
});

test("a page goes on where the one before ended", async () => {
  const names: string[] = [];
  let after: string | null = "";
  while (after !== null) {
    const page: Answer = await answered({}, {}, {}, { limit: "10", after });
    names.push(...page.items.map(({ name }: { name: string }) => name));
    after = page.next;
  }
  expect(names).toEqual([...settingKeys]);
});
