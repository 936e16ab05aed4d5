import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

export type PeerName = "berth" | "zot" | "distribution";

/** A registry under test: where its executable is and what it says its version is. */
export interface Peer {
  name: PeerName;
  title: string;
  binary: string;
  version: string;
  /** What a 201 promises with the settings used here. */
  durability: string;
}

export interface LaunchOptions {
  folder: string;
  port: number;
  tls?: { certificate: string; key: string } | undefined;
  logRequests?: boolean | undefined;
  /** Berth's settings, by their environment variables, on top of those that every case uses. */
  settings?: Record<string, string> | undefined;
  /** A command that is a Berth, in place of the executable. */
  program?: string[] | undefined;
  /** Where to keep the blobs, in place of the folder. */
  s3?: S3Place | undefined;
  /** Whether zot collects garbage at once, of whatever age; else as it does by default. */
  collects?: boolean | undefined;
}

export interface S3Place {
  endpoint: string;
  bucket: string;
  /** Of the keys of all registries that share the place; each has its own below. */
  prefix: string;
  accessKey: string;
  secretKey: string;
}

export interface Launch {
  argv: string[];
  env: Record<string, string>;
}

interface PeerSpec {
  name: PeerName;
  title: string;
  variable: string;
  fallback: () => string | null;
  versionFlag: string;
  durability: string;
  launch: (binary: string, options: LaunchOptions) => Launch;
}

const specs: PeerSpec[] = [
  {
    name: "berth",
    title: "Berth",
    variable: "BENCH_BERTH",
    fallback: () => resolve(import.meta.dir, "../dist/berth"),
    versionFlag: "--version",
    durability: "bytes, names and rows are synced before the answer",
    launch: launchBerth,
  },
  {
    name: "zot",
    title: "zot",
    variable: "BENCH_ZOT",
    fallback: () => Bun.which("zot"),
    versionFlag: "--version",
    durability:
      "blobs and manifests are not synced (`storage.commit` is false, its default), its cache is",
    launch: launchZot,
  },
  {
    name: "distribution",
    title: "distribution",
    variable: "BENCH_DISTRIBUTION",
    fallback: () => Bun.which("registry"),
    versionFlag: "--version",
    durability: "files are synced before the answer, folders are not",
    launch: launchDistribution,
  },
];

/** The registries of these names, or the sentences that say which is missing and how to name it. */
export function findPeers(names: readonly PeerName[]): { peers: Peer[]; missing: string[] } {
  const peers: Peer[] = [];
  const missing: string[] = [];
  for (const spec of specs) {
    if (!names.includes(spec.name)) continue;
    const binary = Bun.env[spec.variable] ?? spec.fallback();
    if (binary === null || !isExecutable(binary)) {
      const where = binary === null ? "is not on PATH" : `is not an executable at ${binary}`;
      missing.push(`${spec.title} ${where}; ${spec.variable} names its executable.`);
      continue;
    }
    const { name, title, durability } = spec;
    const version = versionOf(binary, spec.versionFlag);
    peers.push({ name, title, binary: resolve(binary), version, durability });
  }
  return { peers, missing };
}

/** Those that were measured before, for the report: their executables need not be here. */
export function measuredPeers(versions: Readonly<Record<string, string>>): Peer[] {
  return specs.flatMap(({ name, title, durability }) => {
    const version = versions[name];
    return version === undefined ? [] : [{ name, title, binary: "", version, durability }];
  });
}

/** The command that serves `options.folder` on `options.port`, with request logs off unless asked for. */
export function launchOf(peer: Peer, options: LaunchOptions): Launch {
  const spec = specs.find((candidate) => candidate.name === peer.name);
  if (spec === undefined) throw new Error(`no such registry: ${peer.name}`);
  return spec.launch(peer.binary, options);
}

function launchBerth(binary: string, options: LaunchOptions): Launch {
  const env: Record<string, string> = {
    BERTH_LISTEN: `127.0.0.1:${options.port}`,
    BERTH_DATA: join(options.folder, "data"),
    BERTH_LOG_REQUESTS: String(options.logRequests ?? false),
    BERTH_OPEN: "1",
  };
  if (options.tls !== undefined) {
    env["BERTH_TLS_CERT"] = options.tls.certificate;
    env["BERTH_TLS_KEY"] = options.tls.key;
  }
  if (options.s3 !== undefined) {
    const { endpoint, bucket, prefix, accessKey, secretKey } = options.s3;
    env["BERTH_BLOBS"] = `s3://${bucket}/${prefix}/berth`;
    env["BERTH_S3_ENDPOINT"] = endpoint;
    env["AWS_ACCESS_KEY_ID"] = accessKey;
    env["AWS_SECRET_ACCESS_KEY"] = secretKey;
  }
  return { argv: options.program ?? [binary], env: { ...env, ...options.settings } };
}

function launchZot(binary: string, options: LaunchOptions): Launch {
  const { tls } = options;
  const config = {
    distSpecVersion: "1.1.1",
    storage: {
      rootDirectory: join(options.folder, "data"),
      ...(options.collects === true ? { gc: true, gcDelay: "1s", gcInterval: "1s" } : {}),
    },
    http: {
      address: "127.0.0.1",
      port: String(options.port),
      ...(tls === undefined ? {} : { tls: { cert: tls.certificate, key: tls.key } }),
    },
    log: { level: "error" },
  };
  const file = configFile(options.folder, "zot.json", JSON.stringify(config, null, 2));
  return { argv: [binary, "serve", file], env: {} };
}

function launchDistribution(binary: string, options: LaunchOptions): Launch {
  const { tls } = options;
  const lines = [
    "version: 0.1",
    "log: {level: error, accesslog: {disabled: true}}",
    "storage:",
    options.s3 === undefined
      ? `  filesystem: {rootdirectory: ${JSON.stringify(join(options.folder, "data"))}}`
      : `  s3: ${JSON.stringify(distributionS3(options.s3))}`,
    "  cache: {blobdescriptor: inmemory}",
    "  delete: {enabled: true}",
    "http:",
    `  addr: 127.0.0.1:${options.port}`,
    ...(tls === undefined ? [] : [`  tls: {certificate: ${tls.certificate}, key: ${tls.key}}`]),
  ];
  const file = configFile(options.folder, "distribution.yml", `${lines.join("\n")}\n`);
  return { argv: [binary, "serve", file], env: { OTEL_TRACES_EXPORTER: "none" } };
}

/** What its documentation asks for where the S3 is not AWS's, all else by default. */
function distributionS3({ endpoint, bucket, prefix, accessKey, secretKey }: S3Place): object {
  return {
    region: "us-east-1",
    regionendpoint: endpoint,
    forcepathstyle: true,
    secure: false,
    bucket,
    rootdirectory: `/${prefix}/distribution`,
    accesskey: accessKey,
    secretkey: secretKey,
  };
}

/** The command line as a reader may repeat it: without this machine's folders. */
export function shownCommand(launch: Launch, folder: string): string {
  const env = Object.entries(launch.env).map(([key, value]) => `${key}=${value}`);
  const [binary, ...rest] = launch.argv;
  const words = [...env, basename(binary ?? ""), ...rest];
  return words
    .join(" ")
    .replaceAll(folder, "DIR")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT");
}

function configFile(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first word that looks like a version, those with a `v` first: zot also logs its spec's. */
function versionOf(binary: string, flag: string): string {
  const run = Bun.spawnSync([binary, flag], { stdout: "pipe", stderr: "pipe", timeout: 10_000 });
  const text = `${run.stdout.toString()}\n${run.stderr.toString()}`;
  const found = /\bv\d+\.\d+\.\d+[\w.-]*/.exec(text) ?? /\d+\.\d+\.\d+[\w.-]*/.exec(text);
  return found?.[0] ?? "unknown";
}
