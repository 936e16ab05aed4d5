import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { nearest } from "../lib/nearest.ts";
import { clientVariables } from "./client-environment.ts";
import { isLoopbackHost } from "./ip-address.ts";
import { maskPassword, type PostgresAddress } from "./postgres-url.ts";
import {
  type ListenAddress,
  pathKeys,
  placeKeys,
  type SettingKey,
  type Settings,
  secretKeys,
  settingKeys,
  settingsSchema,
  variableOf,
} from "./settings.ts";

/** What the program was told to do, checked and frozen. Made once at the start and passed down. */
export interface Config {
  readonly listen: ListenAddress;
  /** Absolute path. */
  readonly data: string;
  /** That serve requests: of one server, on this data folder. */
  readonly processes: number;
  /** Null: blobs are files in the data folder. */
  readonly s3: S3Config | null;
  /** Null: SQLite in the data folder. */
  readonly database: {
    readonly address: PostgresAddress;
    readonly prepared: Settings["database.prepared"];
    readonly unsafe: boolean;
  } | null;
  readonly open: Settings["open"];
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string | null;
  /** For `createAddressMatcher`. */
  readonly trustedProxies: readonly string[];
  /** Absolute paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly log: {
    readonly format: Settings["log.format"];
    readonly level: Settings["log.level"];
    readonly requests: boolean;
  };
  readonly registry: { readonly sparse: Settings["registry.sparse"] };
  /** Of the user admin, to be made at the first start; empty: setup asks a person. */
  readonly adminPassword: string;
  readonly signup: Settings["signup"];
  readonly projectCreation: Settings["project_creation"];
  /** 32 bytes each, the first seals; none: the key file in the data folder. */
  readonly secretKeys: readonly Buffer[];
  readonly auditDays: number;
  readonly pullsDays: number;
  /** For `createAddressMatcher`. */
  readonly webhooksAllow: readonly string[];
  /** Every setting as people may see it. */
  readonly sources: readonly SettingSource[];
  /** Sentences to log at the start. */
  readonly warnings: readonly string[];
}

/** Where blobs are in an S3, and how clients get them from there. */
export interface S3Config {
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  readonly endpoint: string | null;
  readonly pathStyle: boolean;
  /** Absolute path of a PEM file. */
  readonly caFile: string | null;
  readonly encryption: {
    readonly algorithm: "AES256" | "aws:kms";
    readonly keyId: string | null;
  } | null;
  readonly redirect: boolean;
  readonly redirectExcept: readonly string[];
  readonly cdn: string | null;
  /** 0: no cache. */
  readonly cacheBytes: number;
}

/** A setting's value as text, and where it came from. */
export interface SettingSource {
  readonly key: SettingKey;
  /** Of a secret only `(set)`; empty for none. */
  readonly value: string;
  readonly from: SourceKind;
  /** The flag, the variable or the file, by name; or `default`. */
  readonly source: string;
}

/** A variable that names a file with the value is of the environment too. */
export type SourceKind = "default" | "flag" | "environment" | "file";

export interface LoadedConfig {
  readonly config: Config;
  /** What was given, as text, paths absolute: a process that is given the same comes to the same. */
  readonly texts: ReadonlyMap<SettingKey, string>;
}

/** The flags that name a setting, or the file of settings. */
export interface ConfigFlags {
  readonly listen?: string;
  readonly data?: string;
  readonly log?: string;
  readonly config?: string;
}

const flagKeys = { listen: "listen", data: "data", log: "log.format" } as const;

/** Settings that do not make sense: one sentence for each thing that is wrong. */
export class ConfigError extends Error {
  override name = "ConfigError";
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

const configFileBytesMax = 1024 * 1024;

/**
 * Reads the settings: flags over `BERTH_*` variables over the file over defaults. The file is
 * `--config`, BERTH_CONFIG, or `berth.yaml` in the data folder. Throws `ConfigError`.
 */
export function loadConfig(
  flags: ConfigFlags,
  env: Readonly<Record<string, string | undefined>> = process.env,
  readFile: (path: string) => string | null = readTextFile,
): LoadedConfig {
  const problems: string[] = [];
  const given = new Map<SettingKey, GivenValue>();
  addFlags(flags, given);
  addVariables(env, readFile, given, problems);
  addFile(flags.config ?? env["BERTH_CONFIG"], readFile, given, problems);

  const settings = checkedSettings(given, problems);
  if (settings === null) throw new ConfigError(problems);
  const meant = toConfig(settings, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const config: Config = Object.freeze({
    ...meant,
    sources: settingKeys.map((key) => ({
      key,
      value: shownValue(key, settings[key]),
      from: given.get(key)?.from ?? ("default" as const),
      source: given.get(key)?.source ?? "default",
    })),
    warnings: [...unknownVariables(env).map(unknownVariableWarning), ...warningsOfAccess(meant)],
  });
  const texts = new Map([...given].map(([key, { value }]) => [key, textOf(key, value, settings)]));
  return { config, texts };
}

function textOf(key: SettingKey, value: string | string[], settings: Settings): string {
  return pathKeys.has(key) ? String(settings[key]) : [value].flat().join(",");
}

/** Where everything is to be moved to, as `berth move` is told it. */
export interface TargetFlags {
  readonly data?: string;
  readonly database?: string;
  readonly blobs?: string;
  readonly config?: string;
}

/**
 * The settings of a target, as text: those of its flags and of its file; without a file what the
 * surroundings say of servers that the flags name. Throws `ConfigError`.
 */
export function loadTargetTexts(
  to: TargetFlags,
  env: Readonly<Record<string, string | undefined>> = process.env,
  readFile: (path: string) => string | null = readTextFile,
): Readonly<Record<string, string>> {
  const { config, data } = to;
  const around = config === undefined ? surroundingsOf(to, env) : {};
  const given = { ...around, BERTH_DATABASE: to.database, BERTH_BLOBS: to.blobs };
  // Only a file that was named: one in the target's folder is for the server that will start there.
  const read = (path: string) =>
    config === undefined && basename(path) === "berth.yaml" ? null : readFile(path);
  const flags = {
    ...(config === undefined ? {} : { config }),
    ...(data === undefined ? {} : { data }),
  };
  const { texts } = loadConfig(flags, given, read);
  return Object.fromEntries([...texts].filter(([key]) => placeKeys.has(key)));
}

function surroundingsOf(
  { database, blobs }: TargetFlags,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const keys = [...placeKeys].filter((key) => {
    if (key.startsWith("s3.")) return blobs !== undefined;
    if (key === "database.password")
      return database !== undefined && maskPassword(database) === database;
    return key.startsWith("database.") && database !== undefined;
  });
  const variables = keys.map(variableOf).flatMap((name) => [name, `${name}_FILE`]);
  return Object.fromEntries(variables.map((name) => [name, env[name]]));
}

/** Credentials of an S3 as AWS programs have them in their environment. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Those that the surroundings name; null for none. */
export function awsKeysOf(
  env: Readonly<Record<string, string | undefined>> = process.env,
): AwsKeys | null {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"] ?? "";
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"] ?? "";
  const sessionToken = env["AWS_SESSION_TOKEN"] ?? "";
  if (accessKeyId === "" || secretAccessKey === "") return null;
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}

/** The configuration that the texts of a target come to. Throws `ConfigError`. */
export function configOfTexts(texts: Readonly<Record<string, string>>): Config {
  const foreign = Object.keys(texts).find((key) => !placeKeys.has(key as SettingKey));
  if (foreign !== undefined) {
    throw new ConfigError([`${foreign} does not say where a registry is to be moved to.`]);
  }
  const env = Object.entries(texts).map(([key, text]) => [variableOf(key as SettingKey), text]);
  return loadConfig({}, Object.fromEntries(env), () => null).config;
}

/** The registry as a person at this machine reaches it, where its public address is not set. */
export function addressHere({ url, listen, tls }: Pick<Config, "url" | "listen" | "tls">): string {
  const isHere = ["127.0.0.1", "0.0.0.0", "::"].includes(listen.host);
  const address = formatAddress(isHere ? { ...listen, host: "localhost" } : listen);
  return url ?? `${tls === null ? "http" : "https"}://${address}`;
}

/** Where programs of this machine reach the listener itself, whatever the public address is. */
export function listenerHere({ listen, tls }: Pick<Config, "listen" | "tls">): string {
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = everywhere[listen.host] ?? listen.host;
  return `${tls === null ? "http" : "https"}://${formatAddress({ ...listen, host })}`;
}

/** `127.0.0.1:5000`, `[::1]:5000`. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function warningsOfAccess({ open, listen, tls, url, trustedProxies }: MeantConfig): string[] {
  const address = formatAddress(listen);
  switch (open) {
    case "1":
      return ["Everyone on this machine can pull, push and delete: open is 1."];
    case "any-network":
      return [
        `Everyone who can reach ${address} can pull, push and delete: open is any-network, so the network is the only guard.`,
      ];
    case "": {
      if (isLoopbackHost(listen.host)) return [];
      const warnings: string[] = [];
      if (tls === null && trustedProxies.length === 0) {
        warnings.push(
          `Passwords and tokens reach ${address} without TLS: set tls.cert and tls.key, or name the proxy that has them in trusted_proxies.`,
        );
      }
      if (url === null) {
        warnings.push(
          "BERTH_URL is not set, so clients cannot be sent to the token service and sign in with each request.",
        );
      }
      return warnings;
    }
  }
}

/** Without what is told of it. */
type MeantConfig = Omit<Config, "sources" | "warnings">;

type GivenValue = {
  readonly value: string | string[];
  readonly from: SourceKind;
  readonly source: string;
  readonly folder: string;
};

function addFlags(flags: ConfigFlags, given: Map<SettingKey, GivenValue>): void {
  for (const [flag, key] of Object.entries(flagKeys)) {
    const value = flags[flag as keyof typeof flagKeys];
    if (value !== undefined)
      given.set(key, { value, from: "flag", source: `--${flag}`, folder: "." });
  }
}

/** An empty variable is one that is not set: compose files pass `BERTH_URL=${URL:-}`. */
function addVariables(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string | null,
  given: Map<SettingKey, GivenValue>,
  problems: string[],
): void {
  for (const key of settingKeys) {
    const variable = variableOf(key);
    const value = env[variable] ?? "";
    const file = env[`${variable}_FILE`] ?? "";
    if (value !== "" && file !== "") {
      problems.push(`${variable} and ${variable}_FILE are both set: unset one of them.`);
    }
    if (given.has(key)) continue;
    const from = "environment";
    if (value !== "") given.set(key, { value, from, source: variable, folder: "." });
    if (file !== "") {
      const text = readOrExplain(file, `${variable}_FILE`, readFile, problems);
      const source = `${variable}_FILE (${file})`;
      if (text !== null) given.set(key, { value: text.trimEnd(), from, source, folder: "." });
    }
  }
}

function addFile(
  named: string | undefined,
  readFile: (path: string) => string | null,
  given: Map<SettingKey, GivenValue>,
  problems: string[],
): void {
  const isNamed = named !== undefined && named !== "";
  const path = isNamed ? named : join(dataFolderOf(given), "berth.yaml");
  const text = isNamed ? readOrExplain(path, "config", readFile, problems) : readFile(path);
  if (text === null) return;
  if (Buffer.byteLength(text) > configFileBytesMax) {
    problems.push(`${path} is larger than ${configFileBytesMax} bytes.`);
    return;
  }
  const values = new Map<string, string | string[]>();
  try {
    flatten(Bun.YAML.parse(text), "", values);
  } catch (error) {
    problems.push(`${path}: ${(error as Error).message}`);
    return;
  }
  for (const [key, value] of values) {
    if (!isSettingKey(key)) {
      problems.push(`${path}: there is no setting ${key}${suggestion(key, settingKeys)}`);
    } else if (key === "data" && !isNamed) {
      problems.push(`${path}: data cannot be set by the file that is found in the data folder.`);
    } else if (!given.has(key)) {
      given.set(key, { value, from: "file", source: path, folder: dirname(path) });
    }
  }
}

function dataFolderOf(given: ReadonlyMap<SettingKey, GivenValue>): string {
  const result = settingsSchema.shape.data.safeParse(given.get("data")?.value);
  return result.success ? result.data : ".";
}

/** Turns the levels of the file into dotted keys and its scalars into text. A key without value is not set. */
function flatten(node: unknown, prefix: string, into: Map<string, string | string[]>): void {
  if (node === null || node === undefined) return;
  if (Array.isArray(node) && prefix !== "") {
    if (node.some((item) => typeof item === "object")) {
      throw new Error(`${prefix} must be a list of plain values`);
    }
    into.set(prefix, node.map(String));
  } else if (typeof node === "object" && !Array.isArray(node)) {
    for (const [key, value] of Object.entries(node)) {
      flatten(value, prefix === "" ? key : `${prefix}.${key}`, into);
    }
  } else if (prefix === "") {
    throw new Error("must be one document of `setting: value` lines");
  } else {
    into.set(prefix, String(node));
  }
}

function checkedSettings(
  given: ReadonlyMap<SettingKey, GivenValue>,
  problems: string[],
): Settings | null {
  const settings: Partial<Record<SettingKey, unknown>> = {};
  for (const key of settingKeys) {
    const from = given.get(key);
    const result = settingsSchema.shape[key].safeParse(from?.value);
    if (result.success) {
      settings[key] = isPath(key, result.data)
        ? resolve(from?.folder ?? ".", result.data)
        : result.data;
    } else {
      const rule = result.error.issues.map((issue) => issue.message).join("; ");
      const isHidden = secretKeys.has(key) || key === "database";
      const value = isHidden ? key : `${key} = ${JSON.stringify(from?.value)}`;
      problems.push(`${value} (from ${from?.source}) ${rule}.`);
    }
  }
  return problems.length > 0 ? null : (settings as Settings);
}

function isPath(key: SettingKey, value: unknown): value is string {
  return pathKeys.has(key) && value !== "";
}

function toConfig(settings: Settings, problems: string[]): MeantConfig {
  const { listen, data, open, url } = settings;
  const cert = settings["tls.cert"];
  const key = settings["tls.key"];
  if ((cert === "") !== (key === "")) {
    problems.push(
      cert === ""
        ? "tls.key is set and tls.cert is not: TLS needs both."
        : "tls.cert is set and tls.key is not: TLS needs both.",
    );
  }
  if (!isLoopbackHost(listen.host) && open === "1") {
    problems.push(
      `open is 1, and Berth would serve everyone who can reach ${formatAddress(listen)}: ` +
        "listen on 127.0.0.1, or set BERTH_OPEN=any-network if the network itself (a pod, a compose network, a firewall) decides who gets in.",
    );
  }
  return {
    listen,
    data,
    processes: settings["server.processes"],
    s3: toS3Config(settings),
    database: databaseOf(settings, problems),
    open,
    url,
    trustedProxies: settings.trusted_proxies,
    tls: cert === "" ? null : Object.freeze({ cert, key }),
    log: Object.freeze({
      format: settings["log.format"],
      level: settings["log.level"],
      requests: settings["log.requests"],
    }),
    registry: Object.freeze({ sparse: settings["registry.sparse"] }),
    adminPassword: settings["admin.password"],
    signup: settings.signup,
    projectCreation: settings.project_creation,
    secretKeys: settings.secret_key,
    auditDays: settings["audit.days"],
    pullsDays: settings["pulls.days"],
    webhooksAllow: settings["webhooks.allow"],
  };
}

function toS3Config(settings: Settings): S3Config | null {
  const [, bucket, path = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(settings.blobs) ?? [];
  if (bucket === undefined) return null;
  const endpoint = settings["s3.endpoint"];
  const style = settings["s3.path_style"];
  const caFile = settings["s3.ca"];
  return Object.freeze({
    bucket,
    prefix: path === "" || path.endsWith("/") ? path : `${path}/`,
    region: settings["s3.region"],
    endpoint,
    pathStyle: style === "auto" ? endpoint !== null : style === "true",
    caFile: caFile === "" ? null : caFile,
    encryption: toEncryption(settings["s3.encryption"]),
    redirect: settings["s3.redirect"],
    redirectExcept: settings["s3.redirect_except"],
    cdn: settings["s3.cdn"],
    cacheBytes: settings["s3.cache"],
  });
}

function toEncryption(text: string): S3Config["encryption"] {
  if (text === "") return null;
  if (text === "AES256") return Object.freeze({ algorithm: text, keyId: null });
  const keyId = text.slice("aws:kms:".length);
  return Object.freeze({ algorithm: "aws:kms", keyId: keyId === "" ? null : keyId });
}

function databaseOf(settings: Settings, problems: string[]): Config["database"] {
  const { database } = settings;
  const password = settings["database.password"];
  if (database === null) {
    if (password !== "") problems.push("database.password is set and database is not.");
    return null;
  }
  const { address } = database;
  if (password !== "" && address.password !== null) {
    problems.push("database holds a password and database.password is set: leave one of them out.");
  }
  return Object.freeze({
    address: password === "" ? address : { ...address, password },
    prepared: settings["database.prepared"],
    unsafe: settings["database.unsafe"],
  });
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(knownVariables());
  return Object.keys(env).filter(
    (name) => name.startsWith("BERTH_") && !known.has(name) && !isFromKubernetes(name),
  );
}

/** Kubernetes describes each service of a namespace so: those of one named `berth`, or `berth-...`. */
function isFromKubernetes(name: string): boolean {
  return /^BERTH_(?:\w+_)?(?:PORT|SERVICE_(?:HOST|PORT))(?:_|$)/.test(name);
}

function unknownVariableWarning(name: string): string {
  return `The environment variable ${name} is none of Berth's and has no effect${suggestion(name, knownVariables())}`;
}

function knownVariables(): string[] {
  const variables = settingKeys.map(variableOf);
  return [
    "BERTH_CONFIG",
    ...clientVariables,
    ...variables,
    ...variables.map((name) => `${name}_FILE`),
  ];
}

function suggestion(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === null ? "." : `; did you mean ${near}?`;
}

function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settingsSchema.shape, key);
}

function shownValue(key: SettingKey, value: Settings[SettingKey]): string {
  if (value === null) return "";
  if (secretKeys.has(key)) return value === "" || value.toString() === "" ? "" : "(set)";
  if (typeof value !== "object") return String(value);
  if ("address" in value) return maskPassword(value.url);
  return "port" in value ? formatAddress(value) : value.join(",");
}

function readOrExplain(
  path: string,
  what: string,
  readFile: (path: string) => string | null,
  problems: string[],
): string | null {
  const text = readFile(path);
  if (text === null) problems.push(`${what} names ${path}, and there is no such file.`);
  return text;
}

/** Null where there is no such file. */
function readTextFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new ConfigError([`${path} cannot be read: ${code}.`]);
  }
}
