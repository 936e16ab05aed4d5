import { chmodSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type App, openApp } from "./app.ts";
import { listenerPath } from "./cli/command.ts";
import { type Config, formatAddress, listenerHere } from "./platform/config.ts";
import { errorResponse } from "./platform/http/error-response.ts";
import type { Log } from "./platform/log.ts";

/** A connection on which nothing moves for this long is closed. */
const idleSecondsMax = 120;
/** After SIGTERM: how long requests under way may still take. */
const drainMsMax = 25_000;
const tlsCheckMs = 5_000;
/** Methods whose handlers take a body. */
const bodyMethods: ReadonlySet<string> = new Set(["PUT", "PATCH", "POST"]);

/** The address and port are taken, or not this machine's. */
export class ListenError extends Error {
  override name = "ListenError";
}

export interface Running {
  /** The public address, or where the registry is as seen from this machine. */
  readonly url: string;
  readonly port: number;
  /** What to tell whoever starts it, while it waits to be set up; else null. `url`: as seen from here. */
  greeting(url: string): Promise<string | null>;
  /** Refuses new connections, lets requests end within `drainMsMax`, and closes the data folder. Once. */
  stop(): Promise<void>;
}

type BunServer = ReturnType<typeof Bun.serve>;

/** What tests shorten. */
export interface ServeLimits {
  /** Default: two minutes. */
  readonly idleSeconds?: number;
}

/** Opens the data folder and the sockets. */
export async function serve(config: Config, log: Log, limits: ServeLimits = {}): Promise<Running> {
  const app = await openApp(config, log);
  try {
    let clients: Clients | null = null;
    const control = serveControl(app, config, () => clients?.port ?? null);
    const opened = serveClients(app, config, log, limits);
    clients = opened;
    const { port } = opened;
    app.start(formatAddress({ host: config.listen.host, port }));
    await logAuditHead(app, log);
    return {
      url: urlOf(config, port),
      port,
      greeting: app.greeting,
      stop: once(async () => {
        await opened.stop();
        await control.stop();
        await app.close();
      }),
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** Calls `work` once, however often it is called. */
export function once(work: () => Promise<void>): () => Promise<void> {
  let ending: Promise<void> | null = null;
  return () => {
    ending ??= work();
    return ending;
  };
}

export async function logAuditHead(app: App, log: Log): Promise<void> {
  const head = await app.auditHead();
  if (head !== null) log.info(`The audit ends at ${head}`, { audit_head: head });
}

/** The listener for clients. */
export interface Clients {
  readonly port: number;
  /** Refuses new connections, and lets requests end within `drainMsMax`. */
  stop(): Promise<void>;
}

export function serveClients(
  app: App,
  config: Config,
  log: Log,
  { idleSeconds = idleSecondsMax, sharesPort = false }: ServeLimits & { sharesPort?: boolean },
): Clients {
  const open = (port: number) => listen(app, config, log, { port, idleSeconds, sharesPort });
  let server = open(config.listen.port);
  const port = server.port ?? config.listen.port;
  /** Earlier listeners, whose requests still go on, and when each has none any more. */
  const retired = new Map<BunServer, Promise<void>>();
  const reload =
    config.tls === null
      ? null
      : watchCertificate(config.tls, log, () => {
          // A running listener keeps its certificate: a second one takes over the port.
          const next = open(port);
          const earlier = server;
          server = next;
          retired.set(
            earlier,
            earlier.stop().then(() => {
              retired.delete(earlier);
            }),
          );
        });
  return {
    port,
    async stop() {
      clearInterval(reload ?? undefined);
      app.drain();
      const drained = Promise.all([...retired.values(), server.stop()]);
      await Promise.race([drained, Bun.sleep(drainMsMax)]);
      // No request may go on behind the back of a database that is being closed.
      await Promise.all([...retired.keys(), server].map((listener) => listener.stop(true)));
    },
  };
}

export function controlPath(config: Config): string {
  return join(config.data, "control.sock");
}

/** A port that is free, for processes to share: sharing it would hide that somebody else has it. */
export function findFreePort({ listen: { host, port } }: Config): number {
  try {
    const probe = Bun.serve({ hostname: host, port, reusePort: false, fetch: () => nobody() });
    const found = probe.port ?? port;
    probe.stop(true);
    return found;
  } catch (error) {
    throw cannotListen(error, host, port);
  }
}

/** Of a listener that is closed before anybody can reach it. */
function nobody(): Response {
  return new Response(null, { status: 503 });
}

function cannotListen(error: unknown, host: string, port: number): ListenError {
  const { code, message } = error as Error & { code?: string };
  if (code === "EADDRINUSE") {
    return new ListenError(
      `${host}:${port} is in use by another program: stop it, or choose another address with --listen`,
    );
  }
  return new ListenError(`cannot listen on ${host}:${port}: ${message}`);
}

function listen(
  app: App,
  config: Config,
  log: Log,
  { port, idleSeconds, sharesPort }: { port: number; idleSeconds: number; sharesPort: boolean },
): BunServer {
  const { host } = config.listen;
  const options = {
    hostname: host,
    port,
    idleTimeout: idleSeconds,
    // A layer has no limit of its own; manifests have theirs.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    // Without this, `development: false` shares the port with whoever asks, another Berth included.
    reusePort: false,
    error: (error: Error) => {
      log.error("A request failed outside of its handler", { error });
      return errorResponse(error, {});
    },
  };
  const fetch = (request: Request, server: BunServer) => {
    if (!bodyMethods.has(request.method)) return app.fetch(request, server);
    // Storing a large blob can be silent for long: bodies have a watchdog of their own.
    server.timeout(request, 0);
    const answered = (response: Response) => {
      // It holds for the connection, which would stay for ever: idle, or with a body that nobody reads.
      server.timeout(request, idleSeconds);
      return response;
    };
    const response = app.fetch(request, server);
    return response instanceof Promise ? response.then(answered) : answered(response);
  };
  try {
    if (config.tls === null) return Bun.serve({ ...options, fetch, reusePort: sharesPort });
    // Sharing the port hides that somebody else has it: without sharing, it shows.
    if (port !== 0 && !sharesPort && !isListening.has(port)) {
      Bun.serve({ ...options, fetch }).stop(true);
    }
    const { cert, key } = config.tls;
    const tls = { cert: Bun.file(cert), key: Bun.file(key) };
    const server = Bun.serve({ ...options, fetch, tls, reusePort: true });
    isListening.add(server.port ?? port);
    return server;
  } catch (error) {
    throw cannotListen(error, host, port);
  }
}

/** Ports that this process itself serves with TLS. */
const isListening = new Set<number>();

/** Calls `onChange` when the files changed; their names may be links that are swapped. */
function watchCertificate(
  tls: { cert: string; key: string },
  log: Log,
  onChange: () => void,
): Timer {
  const stamp = () =>
    [tls.cert, tls.key]
      .map((path) => {
        const { mtimeMs, ino, size } = statSync(path);
        return `${mtimeMs} ${ino} ${size}`;
      })
      .join();
  let last = stamp();
  const timer = setInterval(() => {
    try {
      const now = stamp();
      if (now === last) return;
      last = now;
      onChange();
      log.info("Loaded the changed TLS certificate", { path: tls.cert });
    } catch (error) {
      log.error("The changed TLS certificate cannot be used: the earlier one stays", { error });
    }
  }, tlsCheckMs);
  timer.unref();
  return timer;
}

/** Commands of whoever may read the data folder. `port`: of the listener for clients; null: it is not there yet. */
export function serveControl(
  app: App,
  config: Config,
  port: () => number | null,
): { stop(): Promise<void> } {
  const unix = controlPath(config);
  rmSync(unix, { force: true });
  const server = Bun.serve({
    unix,
    maxRequestBodySize: 1024 * 1024,
    development: false,
    fetch(request: Request, self: BunServer) {
      self.timeout(request, 0);
      return new URL(request.url).pathname === listenerPath
        ? listenerAnswer(config, port())
        : app.api(request);
    },
  });
  chmodSync(unix, 0o600);
  return {
    async stop() {
      await server.stop(true);
      rmSync(unix, { force: true });
    },
  };
}

function listenerAnswer(config: Config, port: number | null): Response {
  if (port === null) return nobody();
  return new Response(listenerHere({ ...config, listen: { ...config.listen, port } }));
}

export function urlOf(config: Config, port: number): string {
  const { host } = config.listen;
  const scheme = config.tls === null ? "http" : "https";
  const name = host === "127.0.0.1" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return config.url ?? `${scheme}://${name}:${port}`;
}
