import fc from "fast-check";
import { type Config, ConfigError, loadConfig } from "../../src/platform/config.ts";
import { type SettingKey, settingKeys, variableOf } from "../../src/platform/settings.ts";
import { fuzz } from "./fuzz.ts";
import { nearly, nearlyOneOf, oddText } from "./values.ts";

// Settings that are right but for a place or a few, in variables, files and flags: they are taken, and then mean
// the same to a process that is given what came of them, or each that is wrong is named, and no secret is told.

/** Of each setting what it takes, and so what others mostly do not. */
const right: Readonly<Record<SettingKey, readonly string[]>> = {
  listen: ["127.0.0.1:5000", ":5001", "[::1]:0", "0.0.0.0:5000"],
  data: ["/var/lib/berth", "data"],
  "server.processes": ["auto", "1", "64"],
  blobs: ["s3://bucket/prefix", "s3://bucket"],
  database: [
    "postgres://berth@db.example:5432/berth?sslmode=verify-full",
    "postgres://berth:nobody%20may%20read@one,two:6432/berth",
  ],
  "database.password": ["it: nobody may read"],
  "database.prepared": ["auto", "off"],
  "database.unsafe": ["true", "0"],
  open: ["1", "any-network"],
  url: ["https://registry.example.com", "http://localhost:5000"],
  trusted_proxies: ["10.0.0.0/8, 192.0.2.1", "::1"],
  "tls.cert": ["tls/cert.pem"],
  "tls.key": ["/etc/tls/key.pem"],
  "log.format": ["json", "text"],
  "log.level": ["warn", "debug"],
  "log.requests": ["false", "1"],
  "s3.region": ["eu-central-1"],
  "s3.endpoint": ["https://minio.example:9000"],
  "s3.path_style": ["true", "auto"],
  "s3.ca": ["ca.pem"],
  "s3.encryption": ["AES256", "aws:kms:key"],
  "s3.redirect": ["false"],
  "s3.redirect_except": ["docker/, 10.0.0.0/8"],
  "s3.cdn": ["https://cdn.example.com/blobs"],
  "s3.cache": ["0", "10 GiB"],
  "registry.sparse": ["allow", "refuse"],
  "admin.password": ["that: nobody may read"],
  signup: ["invitation", "open"],
  project_creation: ["administrators"],
  secret_key: [Buffer.alloc(32, 7).toString("base64")],
  "audit.days": ["365", "1"],
  "pulls.days": ["30"],
  "webhooks.allow": ["10.0.0.0/8, fd00::/8"],
};
const keys = fc.constantFrom(...settingKeys);
const isSetting = (name: string) => (settingKeys as readonly string[]).includes(name);
const anything = nearlyOneOf(
  ...Object.values(right)
    .flat()
    .filter((value) => !value.includes("may")),
);
/** A setting, mostly one that there is with a value that it takes. */
const setting = keys.chain((key) =>
  fc.tuple(
    fc.oneof(
      { arbitrary: fc.constant<string>(key), weight: 20 },
      // Not another one, of which its secrets would be no secrets.
      {
        arbitrary: nearly(fc.constant(key)).filter((near) => near === key || !isSetting(near)),
        weight: 1,
      },
    ),
    fc.oneof(
      { arbitrary: fc.constantFrom(...right[key]), weight: 12 },
      { arbitrary: nearlyOneOf(...right[key]), weight: 2 },
      { arbitrary: anything, weight: 1 },
    ),
  ),
);
const files = fc.dictionary(
  fc.constantFrom("secret", "key.pem", "berth.yaml"),
  fc.oneof(anything, oddText),
  { maxKeys: 2 },
);

/** A line of the file, or some. */
type Entry = { readonly key: string; readonly value: string; readonly style: string };
const entry: fc.Arbitrary<Entry> = fc
  .tuple(
    setting,
    fc.oneof(
      { arbitrary: fc.constantFrom("plain", "quoted", "levels", "levels"), weight: 8 },
      { arbitrary: fc.constantFrom("list", "block", "number", "anchor", "empty"), weight: 1 },
    ),
  )
  .map(([[key, value], style]) => ({ key, value, style }));

function linesOf({ key, value, style }: Entry): string {
  const levels = key.split(".");
  const nested = (text: string) =>
    levels
      .map(
        (level, depth) =>
          `${"  ".repeat(depth)}${level}:${depth === levels.length - 1 ? ` ${text}` : ""}`,
      )
      .join("\n");
  const quoted = JSON.stringify(value.toWellFormed());
  switch (style) {
    case "quoted":
      return `${key}: ${quoted}`;
    case "list":
      return nested(`[${quoted}, "10.0.0.0/8"]`);
    case "block":
      return nested(`|\n${"  ".repeat(levels.length)}${value}`);
    case "levels":
      return nested(quoted);
    case "number":
      return nested("0x1F");
    case "anchor":
      return nested(`&a ${quoted}\nother: *a`);
    case "empty":
      return nested("");
    default:
      return nested(value);
  }
}

const yaml = fc.oneof(
  {
    arbitrary: fc.array(entry, { maxLength: 4 }).map((entries) => entries.map(linesOf).join("\n")),
    weight: 8,
  },
  {
    arbitrary: fc
      .tuple(fc.array(entry, { minLength: 1, maxLength: 3 }), fc.nat(999), oddText)
      .map(([entries, at, text]) => {
        const whole = entries.map(linesOf).join("\n");
        const from = at % (whole.length + 1);
        return whole.slice(0, from) + text + whole.slice(from);
      }),
    weight: 2,
  },
  {
    arbitrary: fc.constantFrom(
      ...[
        "- a\n- b",
        "text",
        "? {a: b}\n: c",
        "&a [*a]",
        "a: &a {b: *a}",
        "<<: {a: 1}",
        "%YAML 9.9\n---\na: b",
      ],
      ...[
        "---\na: b\n---\nc: d",
        "a: !!binary aGk=",
        "a: !!js/function x",
        "listen: 2026-01-01",
        "\t:",
        "a: [",
        "{",
      ],
      ...["[".repeat(5_000), "a:\n ".repeat(500), bomb("x: 1"), bomb("[1, 2]")],
    ),
    weight: 1,
  },
);

/** Few bytes that stand for a great many values, since each level repeats the one before. */
function bomb(innermost: string): string {
  const first = innermost.startsWith("[") ? `a0: &a0 ${innermost}` : `a0: &a0 {${innermost}}`;
  const levels = Array.from({ length: 9 }, (_, level) => {
    const repeated = Array.from({ length: 9 }, (_each, n) => `k${n}: *a${level}`).join(", ");
    return `a${level + 1}: &a${level + 1} {${repeated}}`;
  });
  return [first, ...levels].join("\n");
}

const given = fc.record({
  env: fc.array(
    fc.tuple(setting, fc.constantFrom(null, null, null, null, "secret", "key.pem", "none")),
    { maxLength: 4 },
  ),
  flags: fc.oneof(
    { arbitrary: fc.constant({}), weight: 6 },
    {
      arbitrary: fc.record(
        {
          listen: anything,
          data: anything,
          log: anything,
          config: fc.constantFrom("berth.yaml", "none"),
        },
        { requiredKeys: [] },
      ),
      weight: 1,
    },
  ),
  yaml,
  files,
});
type Given = typeof given extends fc.Arbitrary<infer T> ? T : never;

/** Everything here is text that has been read already: a second is much for it. */
const readMsMax = 1_000;

fuzz({
  name: "configuration",
  values: given,
  expects: ["taken", "refused"],
  run(value) {
    const before = process.cpuUsage();
    const outcome = take(value);
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1000;
    if (tookMs > readMsMax) throw new Error(`it took ${tookMs} ms of processor time`);
    return outcome;
  },
});

function take({ env: pairs, flags, yaml: text, files: others }: Given): string {
  const env = Object.fromEntries(
    pairs.map(([[key, value], file]) => {
      const variable = variableOf(key as SettingKey);
      return file === null ? [variable, value] : [`${variable}_FILE`, file];
    }),
  );
  const readFile = (path: string) =>
    path.endsWith("berth.yaml")
      ? text
      : Object.hasOwn(others, path)
        ? (others[path] ?? null)
        : null;
  try {
    const { config, texts } = loadConfig(flags, env, readFile);
    const { sources, warnings } = config;
    assertHidden(JSON.stringify([sources, warnings]));
    const again = Object.fromEntries([...texts].map(([key, value]) => [variableOf(key), value]));
    const second = loadConfig({}, again, () => null).config;
    if (Bun.deepEquals(meantBy(second), meantBy(config))) return "taken";
    throw new Error(
      `given ${JSON.stringify(again)}, it came to ${JSON.stringify(second)}, not ${JSON.stringify(config)}`,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assertHidden(error.message);
    const hasEmpty = error.message.split("\n").some((line) => line.trim() === "");
    if (hasEmpty) throw new Error(`an empty sentence: ${error.message}`);
    return "refused";
  }
}

/** Without what is told of where it comes from. */
function meantBy({ sources: _, warnings: __, ...meant }: Config): object {
  return meant;
}

function assertHidden(told: string): void {
  if (/nobody(%20| )may(%20| )read/.test(told)) throw new Error(`it tells a secret: ${told}`);
}
