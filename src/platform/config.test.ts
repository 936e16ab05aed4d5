import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { ConfigError, type ConfigFlags, loadConfig } from "./config.ts";
import { settingKeys, variableOf } from "./settings.ts";

function load(
  flags: ConfigFlags = {},
  env: Record<string, string> = {},
  files: Record<string, string> = {},
) {
  return loadConfig(flags, env, (path) => files[path] ?? null);
}

function problemsOf(...args: Parameters<typeof load>): string {
  try {
    load(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error("the settings were accepted");
}

describe("where a value comes from", () => {
  test("defaults", () => {
    const { config } = load();
    const { sources, warnings } = config;
    expect(config).toEqual({
      listen: { host: "127.0.0.1", port: 5000 },
      database: null,
      data: resolve("data"),
      // By the cores of this machine: see the next test.
      processes: config.processes,
      s3: null,
      open: "",
      url: null,
      trustedProxies: [],
      tls: null,
      log: { format: "auto", level: "info", requests: true },
      registry: { sparse: "refuse" },
      adminPassword: "",
      signup: "off",
      projectCreation: "users",
      secretKeys: [],
      auditDays: 365,
      pullsDays: 30,
      webhooksAllow: [],
      sources,
      warnings: [],
    });
    expect(sources.map(({ key }) => key)).toEqual([...settingKeys]);
    expect(sources.every(({ from, source }) => from === "default" && source === "default")).toBe(
      true,
    );
    expect(warnings).toEqual([]);
    expect(Object.isFrozen(config) && Object.isFrozen(config.log)).toBe(true);
  });

  test("one process up to three cores, then one for each but one", () => {
    const cores = availableParallelism();
    expect(load().config.processes).toBe(cores <= 3 ? 1 : Math.min(64, cores - 1));
    expect(load({}, { BERTH_SERVER_PROCESSES: "3" }).config.processes).toBe(3);
  });

  test("blobs in a bucket bring the settings of S3 along", () => {
    const env = {
      BERTH_BLOBS: "s3://images/team/a",
      BERTH_S3_ENDPOINT: "http://minio:9000",
      BERTH_S3_ENCRYPTION: "aws:kms:arn:aws:kms:eu-west-1:1:key/k",
      BERTH_S3_REDIRECT_EXCEPT: "10.0.0.0/8, containerd/1.",
      BERTH_S3_CDN: "https://cdn.example.com/images/",
      BERTH_S3_CACHE: "20 GiB",
      BERTH_S3_CA: "ca.pem",
    };
    expect(load({}, env).config.s3).toEqual({
      bucket: "images",
      prefix: "team/a/",
      region: "us-east-1",
      endpoint: "http://minio:9000",
      pathStyle: true,
      caFile: resolve("ca.pem"),
      encryption: { algorithm: "aws:kms", keyId: "arn:aws:kms:eu-west-1:1:key/k" },
      redirect: true,
      redirectExcept: ["10.0.0.0/8", "containerd/1."],
      cdn: "https://cdn.example.com/images",
      cacheBytes: 20 * 2 ** 30,
    });
    const aws = load({}, { BERTH_BLOBS: "s3://images", BERTH_S3_REGION: "eu-west-1" }).config.s3;
    expect(aws).toMatchObject({ prefix: "", endpoint: null, pathStyle: false, encryption: null });
  });

  test("what makes no sense for a bucket is named with its rule", () => {
    for (const [variable, value, rule] of [
      ["BERTH_BLOBS", "gs://images", "s3://bucket/prefix"],
      ["BERTH_BLOBS", "s3://images/a?b", "s3://bucket/prefix"],
      ["BERTH_BLOBS", "s3://images/../other", "none of them . or .."],
      ["BERTH_S3_ENDPOINT", "http://minio:9000/path", "scheme, host and port only"],
      ["BERTH_S3_ENCRYPTION", "aes", "AES256"],
      ["BERTH_S3_CACHE", "much", "a number of bytes"],
      ["BERTH_S3_CDN", "cdn.example.com", "must be an address"],
      ["BERTH_S3_CDN", "https://:word@cdn.example.com", "must be an address"],
    ] as const) {
      const message = problemsOf({}, { [variable]: value });
      expect(message).toContain(value);
      expect(message).toContain(rule);
    }
  });

  test("a path is one line", () => {
    for (const path of ["da\nta", "data\r", "\t"]) {
      expect(problemsOf({ data: path })).toContain("must not contain control characters");
    }
  });

  test("a flag beats a variable, a variable beats the file, the file beats the default", () => {
    const files = {
      "d/berth.yaml": "listen: ':1'\nlog: {format: text, level: warn}\nregistry: {sparse: allow}\n",
    };
    const env = { BERTH_LISTEN: ":2", BERTH_LOG_LEVEL: "debug", BERTH_DATA: "d" };
    const { config } = load({ listen: ":3" }, env, files);
    const { sources } = config;
    expect(config.listen.port).toBe(3);
    expect(config.log).toEqual({ format: "text", level: "debug", requests: true });
    expect(config.registry.sparse).toBe("allow");
    expect(sources.find(({ key }) => key === "listen")).toEqual({
      key: "listen",
      value: "127.0.0.1:3",
      from: "flag",
      source: "--listen",
    });
    expect(sources.find(({ key }) => key === "log.level")).toMatchObject({
      from: "environment",
      source: "BERTH_LOG_LEVEL",
    });
    expect(sources.find(({ key }) => key === "log.format")).toMatchObject({
      from: "file",
      source: "d/berth.yaml",
    });
  });

  test("every setting can come from its variable, or from the file that ..._FILE names", () => {
    for (const [key, value] of Object.entries(samples)) {
      const env = {
        BERTH_TLS_CERT: "/c",
        BERTH_TLS_KEY: "/k",
        BERTH_DATABASE: "postgres://me@here/registry",
        [variableOf(key as "data")]: value,
      };
      const direct = load({}, env).config.sources.find((source) => source.key === key);
      expect(direct?.source).toBe(variableOf(key as "data"));
      const { [variableOf(key as "data")]: _, ...others } = env;
      const byFile = load(
        {},
        { ...others, [`${variableOf(key as "data")}_FILE`]: "/s" },
        { "/s": `${value}\n` },
      );
      expect(byFile.config.sources.find((source) => source.key === key)?.value).toBe(
        direct?.value as string,
      );
    }
    expect(Object.keys(samples).sort()).toEqual([...settingKeys].sort());
  });

  test("an empty variable and a key without value are not set", () => {
    const { config } = load(
      { config: "/b.yaml" },
      { BERTH_LISTEN: "" },
      { "/b.yaml": "url:\nlisten: 7\n" },
    );
    expect(config.listen.port).toBe(7);
    expect(config.url).toBeNull();
  });

  test("paths in the file are relative to it, others to the current folder", () => {
    const files = { "/etc/berth/b.yaml": "data: store\ntls: {cert: c.pem, key: /k.pem}\n" };
    const { config } = load({ config: "/etc/berth/b.yaml" }, {}, files);
    expect(config.data).toBe("/etc/berth/store");
    expect(config.tls).toEqual({ cert: "/etc/berth/c.pem", key: "/k.pem" });
    expect(load({ data: "store" }).config.data).toBe(resolve("store"));
  });

  test("lists are read from commas and from YAML lists", () => {
    const files = { "/b.yaml": "trusted_proxies:\n  - 10.0.0.0/8\n  - ::1\n" };
    expect(load({ config: "/b.yaml" }, {}, files).config.trustedProxies).toEqual([
      "10.0.0.0/8",
      "::1",
    ]);
    const env = { BERTH_TRUSTED_PROXIES: "10.0.0.0/8, 192.168.1.1" };
    expect(load({}, env).config.trustedProxies).toEqual(["10.0.0.0/8", "192.168.1.1"]);
  });
});

const samples = {
  database: "postgres://me@db.example.com/registry?sslmode=verify-full",
  "database.password": "a secret of the database",
  "database.prepared": "off",
  "database.unsafe": "true",
  listen: "127.0.0.1:7000",
  data: "/srv/berth",
  "server.processes": "2",
  blobs: "s3://images/team",
  "s3.region": "eu-west-1",
  "s3.endpoint": "https://minio.example.com:9000",
  "s3.path_style": "true",
  "s3.ca": "/ca.pem",
  "s3.encryption": "aws:kms:key",
  "s3.redirect": "false",
  "s3.redirect_except": "10.0.0.0/8,buildkit",
  "s3.cdn": "https://cdn.example.com",
  "s3.cache": "1073741824",
  open: "1",
  url: "https://registry.example.com",
  trusted_proxies: "10.0.0.0/8",
  "tls.cert": "/c.pem",
  "tls.key": "/k.pem",
  "log.format": "json",
  "log.level": "debug",
  "log.requests": "false",
  "registry.sparse": "allow",
  "admin.password": "correct horse",
  signup: "open",
  project_creation: "administrators",
  secret_key: Buffer.alloc(32).toString("base64"),
  "audit.days": "30",
  "pulls.days": "7",
  "webhooks.allow": "10.0.0.0/8",
};

describe("what is refused", () => {
  test.each([
    ["foo", "address:port"],
    ["127.0.0.1:65536", "65535"],
    ["::1:5000", "address:port"],
    ["[127.0.0.1]:1", "brackets"],
    ["1.2.3:80", "address:port"],
    ["127.0.0.1:", "address:port"],
    ["http://127.0.0.1:5000", "address:port"],
  ])("listen %s", (listen, rule) => {
    const message = problemsOf({}, { BERTH_LISTEN: listen });
    expect(message).toContain(`listen = ${JSON.stringify(listen)} (from BERTH_LISTEN) must`);
    expect(message).toContain(rule);
  });

  test.each([
    ["BERTH_URL", "registry.example.com"],
    ["BERTH_URL", "https://registry.example.com/registry"],
    ["BERTH_URL", "https://user@registry.example.com"],
    ["BERTH_TRUSTED_PROXIES", "10.0.0.0/33"],
    ["BERTH_TRUSTED_PROXIES", "10.0.0.0/8,proxy"],
    ["BERTH_OPEN", "yes"],
    ["BERTH_LOG_REQUESTS", "maybe"],
    ["BERTH_LOG_FORMAT", "xml"],
    ["BERTH_REGISTRY_SPARSE", "deny"],
    ["BERTH_SERVER_PROCESSES", "0"],
    ["BERTH_SERVER_PROCESSES", "65"],
    ["BERTH_SERVER_PROCESSES", "many"],
  ])("%s=%s", (variable, value) => {
    expect(problemsOf({}, { [variable]: value })).toContain(
      `${JSON.stringify(value)} (from ${variable}) must`,
    );
  });

  test("an unknown key, with the nearest one that there is", () => {
    const files = { "/b.yaml": "registry: {spars: allow}\nlog: json\ntrustedProxies: []\n" };
    const message = problemsOf({ config: "/b.yaml" }, {}, files);
    expect(message).toContain("no setting registry.spars; did you mean registry.sparse?");
    expect(message).toContain("no setting log; did you mean log.format?");
    expect(message).toContain("no setting trustedProxies; did you mean trusted_proxies?");
  });

  test("a file that is not there, not YAML, or not settings", () => {
    expect(problemsOf({ config: "/b.yaml" })).toContain("no such file");
    expect(problemsOf({}, { BERTH_URL_FILE: "/u" })).toContain("BERTH_URL_FILE names /u");
    for (const text of ["a: [", "- x", "plain", "listen: [{a: 1}]"]) {
      expect(problemsOf({ config: "/b.yaml" }, {}, { "/b.yaml": text })).toStartWith("/b.yaml: ");
    }
    expect(problemsOf({}, {}, { "data/berth.yaml": "data: elsewhere" })).toContain("data folder");
    expect(problemsOf({}, { BERTH_URL: "http://a", BERTH_URL_FILE: "/u" })).toContain("both set");
  });

  test("half of what TLS needs", () => {
    expect(problemsOf({}, { BERTH_TLS_CERT: "/c" })).toContain("tls.key is not");
    expect(problemsOf({}, { BERTH_TLS_KEY: "/k" })).toContain("tls.cert is not");
  });

  test.each(["0.0.0.0:5000", "[::]:5000", "10.0.0.1:5000", "registry.example.com:5000"])(
    "serving everyone on %s without saying that the network is the guard",
    (listen) => {
      expect(problemsOf({ listen }, { BERTH_OPEN: "1" })).toContain("BERTH_OPEN=any-network");
      const { config } = load({ listen }, { BERTH_OPEN: "any-network" });
      const { warnings } = config;
      expect(config.open).toBe("any-network");
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(listen);
    },
  );
});

test.each(["127.0.0.1:0", "127.8.9.1:80", "[::1]:5000", "localhost:5000", ":5001", "5001"])(
  "listening on %s needs no further word",
  (listen) => {
    expect(load({ listen }).config.warnings).toEqual([]);
  },
);

test("access control beyond loopback warns of passwords in the clear, and of a missing address", () => {
  const listen = "0.0.0.0:5000";
  expect(load({ listen }).config.warnings).toEqual([
    expect.stringContaining("without TLS"),
    expect.stringContaining("BERTH_URL"),
  ]);
  const env = { BERTH_URL: "https://r.example", BERTH_TRUSTED_PROXIES: "10.0.0.0/8" };
  expect(load({ listen }, env).config.warnings).toEqual([]);
});

test("what is secret is not shown", () => {
  const key = Buffer.alloc(32, 1).toString("base64");
  const { config } = load({}, { BERTH_ADMIN_PASSWORD: "hunter2hunter2", BERTH_SECRET_KEY: key });
  const { sources } = config;
  expect(config.adminPassword).toBe("hunter2hunter2");
  expect(config.secretKeys).toEqual([Buffer.alloc(32, 1)]);
  expect(JSON.stringify(sources)).not.toContain("hunter2");
  expect(JSON.stringify(sources)).not.toContain(key);
  const wrong = problemsOf({}, { BERTH_SECRET_KEY: "c2hvcnQ=" });
  expect(wrong).toContain("secret_key (from BERTH_SECRET_KEY) must hold keys of 32 bytes");
  expect(wrong).not.toContain("c2hvcnQ");
});

test("unknown variables warn, those of Kubernetes do not", () => {
  const kubernetes = {
    BERTH_PORT: "tcp://10.0.0.1:5000",
    BERTH_PORT_5000_TCP_ADDR: "10.0.0.1",
    BERTH_SERVICE_HOST: "10.0.0.1",
    BERTH_SERVICE_PORT_HTTP: "5000",
    BERTH_REGISTRY_SERVICE_PORT: "5000",
    BERTH_REGISTRY_PORT_5000_TCP: "tcp://10.0.0.1:5000",
    PATH: "/bin",
  };
  expect(load({}, kubernetes).config.warnings).toEqual([]);
  expect(load({}, { BERTH_LISTN: ":5000" }).config.warnings).toEqual([
    "The environment variable BERTH_LISTN is none of Berth's and has no effect; did you mean BERTH_LISTEN?",
  ]);
});
