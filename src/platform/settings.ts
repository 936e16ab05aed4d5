import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { z } from "zod";
import { isAddressRange } from "./ip-address.ts";
import { type PostgresAddress, parsePostgresUrl } from "./postgres-url.ts";

/** Where to accept connections. Port 0: any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Every setting there is, by the key that it has in `berth.yaml`; dots are levels there. A value comes
 * as text or a list of texts, whatever its source. A limit is a constant where it is used, not a setting.
 */
export const settingsSchema = z.strictObject({
  listen: parsed(parseListenAddress)
    .prefault("127.0.0.1:5000")
    .describe(
      "Address and port to serve on; a port alone means 127.0.0.1. 0.0.0.0 or [::] is every address.",
    ),
  data: filePath("./data").describe("Folder that holds the database and the blobs."),
  "server.processes": parsed(parseProcesses)
    .prefault("auto")
    .describe(
      "Processes that serve: 1, or a parent and so many children that share the port and the data folder. auto: 1 up to three processor cores, else one less than there are.",
    ),
  blobs: parsed(parseBlobs)
    .prefault("")
    .describe("Where the blobs are: s3://bucket/prefix, or empty for files in the data folder."),
  database: parsed(parseDatabase)
    .prefault("")
    .describe(
      "PostgreSQL: postgres://user@host:port/database?sslmode=verify-full, further hosts behind commas. Empty: SQLite in the data folder.",
    ),
  "database.password": parsed((text) => text)
    .prefault("")
    .describe("Password of the database's user, where database does not have it."),
  "database.prepared": oneOf("auto", "on", "off").describe(
    "Whether statements stay prepared on the server; auto: unless a pooler in between cannot do that.",
  ),
  "database.unsafe": parsed(parseBoolean)
    .prefault("false")
    .describe(
      "Take a PostgreSQL with fsync or synchronous_commit off, which may lose what it acknowledged.",
    ),
  open: oneOf("", "1", "any-network").describe(
    "Serve without access control: 1 on loopback addresses, any-network wherever the network itself decides who gets in.",
  ),
  url: parsed(parsePublicUrl)
    .prefault("")
    .describe(
      "Public address, such as https://registry.example.com, where it differs from listen.",
    ),
  trusted_proxies: parsed(parseAddressRanges)
    .prefault("")
    .describe("Addresses or CIDR ranges of the proxies whose X-Forwarded-* headers count."),
  "tls.cert": filePath("").describe("File with the certificate chain (PEM); with tls.key."),
  "tls.key": filePath("").describe("File with the certificate's private key (PEM)."),
  "log.format": oneOf("auto", "json", "text").describe(
    "json: a line of JSON for each message; text: for people; auto: text on a terminal, else json.",
  ),
  "log.level": oneOf("info", "debug", "warn", "error").describe("The least that is logged."),
  "log.requests": parsed(parseBoolean).prefault("true").describe("One line for each request."),
  "s3.region": parsed((text) => text || "us-east-1")
    .prefault("us-east-1")
    .describe("Region of the bucket."),
  "s3.endpoint": parsed(parseEndpoint)
    .prefault("")
    .describe("Address of an S3 that is not AWS's, such as https://minio.example.com:9000."),
  "s3.path_style": oneOf("auto", "true", "false").describe(
    "Whether the bucket stands in the path of an address, not in its host. auto: with s3.endpoint.",
  ),
  "s3.ca": filePath("").describe(
    "File with the authorities (PEM) that signed the endpoint's certificate.",
  ),
  "s3.encryption": parsed(parseEncryption)
    .prefault("")
    .describe(
      "How S3 encrypts what it stores: AES256, aws:kms or aws:kms:<key>. Empty: its default.",
    ),
  "s3.redirect": parsed(parseBoolean)
    .prefault("true")
    .describe("Whether clients are sent to S3 for blobs, instead of reading them through Berth."),
  "s3.redirect_except": parsed(parseTexts)
    .prefault("")
    .describe(
      "Clients that read through Berth all the same: addresses, CIDR ranges, or what their User-Agent contains.",
    ),
  "s3.cdn": parsed(parseCdn)
    .prefault("")
    .describe(
      "Address that clients are sent to in the bucket's place, such as https://cdn.example.com.",
    ),
  "s3.cache": parsed(parseBytes)
    .prefault("1GiB")
    .describe(
      "Bytes in the data folder for blobs that were read through Berth, such as 500MiB or 2TiB; 0 for none.",
    ),
  "registry.sparse": oneOf("refuse", "allow").describe(
    "Whether a manifest may be pushed whose blobs or children are not all there.",
  ),
  "admin.password": parsed((text) => text)
    .prefault("")
    .describe(
      "Password of the user admin, made at the first start: for installations that nobody watches.",
    ),
  signup: oneOf("off", "invitation", "open").describe(
    "Who may make an account for themselves: nobody (off), who was invited (invitation), or all (open).",
  ),
  project_creation: oneOf("users", "administrators").describe(
    "Who may create projects, also by pushing into one that does not exist: users are all who have an account.",
  ),
  secret_key: parsed(parseSecretKeys)
    .prefault("")
    .describe(
      "Keys that stored secrets are sealed with: 32 bytes in base64, the current one first, then earlier ones. Empty: secret.key in the data folder.",
    ),
  "audit.days": parsed(parseDays).prefault("365").describe("Days that the audit is kept."),
  "pulls.days": parsed(parseDays)
    .prefault("30")
    .describe("Days that each pull is kept; later they are counted by day."),
  "webhooks.allow": parsed(parseAddressRanges)
    .prefault("")
    .describe(
      "Addresses or CIDR ranges of your own network that webhooks may reach: without it only public ones.",
    ),
});

export type Settings = z.output<typeof settingsSchema>;
export type SettingKey = keyof Settings;

export const settingKeys = Object.keys(settingsSchema.shape) as readonly SettingKey[];

/** Keys whose value is a path: one in a file is relative to that file, any other to the current folder. */
export const pathKeys: ReadonlySet<SettingKey> = new Set(["data", "tls.cert", "tls.key", "s3.ca"]);

/** Keys that say where database and blobs are. */
export const placeKeys: ReadonlySet<SettingKey> = new Set([
  "data",
  "database",
  "database.password",
  "database.prepared",
  "database.unsafe",
  "blobs",
  "s3.region",
  "s3.endpoint",
  "s3.path_style",
  "s3.ca",
  "s3.encryption",
]);

/** Keys whose value is not shown. */
export const secretKeys: ReadonlySet<SettingKey> = new Set([
  "admin.password",
  "database.password",
  "secret_key",
]);

/** The environment variable of a setting: `registry.sparse` is BERTH_REGISTRY_SPARSE. */
export function variableOf(key: SettingKey): string {
  return `BERTH_${key.toUpperCase().replaceAll(".", "_")}`;
}

/** Thrown by the parsers below; the message is the rule that the value breaks. */
class RuleBroken extends Error {}

function parsed<T>(parse: (text: string) => T) {
  return z.union([z.string(), z.array(z.string())]).transform((value, context): T => {
    try {
      return parse(typeof value === "string" ? value : value.join(","));
    } catch (error) {
      if (!(error instanceof RuleBroken)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

/** The first value is the default. */
function oneOf<const Values extends readonly [string, ...string[]]>(...values: Values) {
  const named = values.map((value) => (value === "" ? "empty" : value));
  return parsed((text): Values[number] => {
    if (values.includes(text)) return text;
    throw new RuleBroken(`must be ${named.slice(0, -1).join(", ")} or ${named.at(-1)}`);
  }).prefault(values[0]);
}

function filePath(byDefault: string) {
  return parsed((text) => {
    if (/\p{Cc}/u.test(text)) throw new RuleBroken("must not contain control characters");
    if (text === "" && byDefault !== "") throw new RuleBroken("must not be empty");
    return text;
  }).prefault(byDefault);
}

function parseDatabase(text: string): { url: string; address: PostgresAddress } | null {
  if (text === "") return null;
  try {
    return Object.freeze({ url: text, address: parsePostgresUrl(text) });
  } catch (error) {
    throw new RuleBroken((error as Error).message);
  }
}

function parseBoolean(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new RuleBroken("must be true or false");
}

const processesMax = 64;

function parseProcesses(text: string): number {
  if (text === "auto") {
    const cores = availableParallelism();
    return cores <= 3 ? 1 : Math.min(processesMax, cores - 1);
  }
  const count = Number(text);
  if (/^\d{1,2}$/.test(text) && count >= 1 && count <= processesMax) return count;
  throw new RuleBroken(`must be auto, or a number from 1 to ${processesMax}`);
}

/** Kept as text: `config.ts` takes it apart. */
function parseBlobs(text: string): string {
  if (text === "") return text;
  // A segment of dots alone is taken out of an address on the way: what remains is another bucket's, or none's.
  const isPlain = !/\/\.{1,2}(\/|$)/.test(text);
  if (!isPlain || !/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._-]+)*\/?$/.test(text)) {
    throw new RuleBroken(
      "must be empty or s3://bucket/prefix, the prefix of letters, digits and ._- between slashes, none of them . or ..",
    );
  }
  return text;
}

function parseEndpoint(text: string): string | null {
  if (text === "") return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && `${url.origin}/` === url.href;
  if (isPlain && (url.protocol === "https:" || url.protocol === "http:")) return url.origin;
  throw new RuleBroken(
    "must be scheme, host and port only, such as https://minio.example.com:9000",
  );
}

function parseCdn(text: string): string | null {
  if (text === "") return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  const isPlain = url?.search === "" && url.hash === "" && url.username + url.password === "";
  if (url !== null && isHttp && isPlain) {
    return url.href.replace(/\/+$/, "");
  }
  throw new RuleBroken("must be an address such as https://cdn.example.com, without user or query");
}

function parseEncryption(text: string): string {
  if (text === "" || text === "AES256" || /^aws:kms(:[\x21-\x7e]+)?$/.test(text)) return text;
  throw new RuleBroken("must be empty, AES256, aws:kms or aws:kms:<key>");
}

function parseTexts(text: string): readonly string[] {
  const texts = text.split(",").map((item) => item.trim());
  return Object.freeze(texts.filter((item) => item !== ""));
}

const byteUnits = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d{1,12}) ?(|KiB|MiB|GiB|TiB)$/.exec(text) ?? [];
  const bytes = Number(digits) * byteUnits[unit as keyof typeof byteUnits];
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RuleBroken("must be a number of bytes, or of KiB, MiB, GiB or TiB, such as 10GiB");
}

function parseDays(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new RuleBroken("must be a number of days from 1 to 99999");
}

function parseSecretKeys(text: string): readonly Buffer[] {
  const keys = text
    .split(/[\s,]+/)
    .filter((key) => key !== "")
    .map((key) => Buffer.from(key, "base64"));
  if (keys.every((key) => key.length === 32)) return Object.freeze(keys);
  throw new RuleBroken(
    "must hold keys of 32 bytes in base64, as `openssl rand -base64 32` makes them",
  );
}

function parseListenAddress(text: string): ListenAddress {
  const rule = "must be address:port or :port, such as 127.0.0.1:5000, [::1]:5000 or :5001";
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  if (match === null) throw new RuleBroken(rule);
  const [, bracketed, plain, portText] = match;
  if (bracketed !== undefined && isIP(bracketed) !== 6) {
    throw new RuleBroken(`${rule}; only an IPv6 address stands in brackets`);
  }
  const host = bracketed ?? (plain === undefined || plain === "" ? "127.0.0.1" : plain);
  if (isIP(host) === 0 && (!/^[A-Za-z0-9.-]+$/.test(host) || /^[\d.]+$/.test(host))) {
    throw new RuleBroken(rule);
  }
  const port = Number(portText);
  if (port > 65_535) throw new RuleBroken("must have a port of at most 65535");
  return Object.freeze({ host, port });
}

function parsePublicUrl(text: string): string | null {
  if (text === "") return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new RuleBroken("must be an address such as https://registry.example.com");
  }
  // Clients put /v2/ directly behind the host: a registry cannot live under a path.
  if (`${url.origin}/` !== url.href) {
    throw new RuleBroken("must be scheme, host and port only, without path, user or query");
  }
  return url.origin;
}

function parseAddressRanges(text: string): readonly string[] {
  const ranges = text
    .split(",")
    .map((range) => range.trim())
    .filter((range) => range !== "");
  const wrong = ranges.find((range) => !isAddressRange(range));
  if (wrong === undefined) return Object.freeze(ranges);
  throw new RuleBroken(
    `must list IP addresses or CIDR ranges such as 10.0.0.0/8; ${JSON.stringify(wrong)} is neither`,
  );
}
