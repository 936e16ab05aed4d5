import { type Clock, systemClock } from "../lib/clock.ts";

type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * What a line says beside its message, for queries. One name for one thing everywhere: request_id, principal, address,
 * user_agent, scheme, method, path, repository, digest, status, bytes, duration_ms, error. A key is a plain
 * word of the code, never input. `undefined` is left out; an Error brings its stack.
 */
type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes lines that are complete within 20 ms, or at once after `error`. A call never throws and never waits:
 * while the reader of standard output stalls, lines past 8 MiB are dropped, and their number logged after.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** Something that a person must act on. */
  error(message: string, fields?: LogFields): void;
  /** The line of a request, at level `info`. */
  request(request: RequestLine): void;
  /** Whole lines that another process of this server wrote. */
  passOn(lines: string): void;
  /** Hands over what is still collected. */
  flush(): void;
}

/** One request, after its answer. Method, address, id and repository are parsed values, without anything to escape. */
export interface RequestLine {
  readonly request_id: string;
  readonly principal: string | null;
  readonly address: string;
  readonly user_agent: string;
  /** `http` or `https`, as the client sees it. */
  readonly scheme: string;
  readonly method: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  readonly repository: string | null;
  readonly status: number;
  /** Of the answer's body, or of the request's where it carried one. */
  readonly bytes: number;
  readonly duration_ms: number;
}

export interface LogOptions {
  readonly format: "json" | "text";
  /** The least that is written. */
  readonly level: LogLevel;
  /** Takes whole lines. While its promise is pending it is not called again. Default: standard output. */
  readonly write?: (lines: string) => void | Promise<void>;
  readonly clock?: Clock;
}

const flushAfterMs = 20;
const batchLengthMax = 64 * 1024;
const pendingLengthMax = 8 * 1024 * 1024;
const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function createLog(options: LogOptions): Log {
  const clock = options.clock ?? systemClock;
  const format = options.format === "json" ? createJsonFormat() : textFormat;
  const batch = createBatch(options.write ?? createStandardOutput(), (dropped) =>
    format.line(
      clock.now(),
      "warn",
      `${dropped} log lines were dropped: their reader was too slow`,
      noFields,
    ),
  );
  const least = levels.indexOf(options.level);
  const isWritten = (level: LogLevel) => levels.indexOf(level) >= least;
  const atLevel = (level: LogLevel) => {
    if (!isWritten(level)) return ignore;
    return (message: string, fields: LogFields = noFields) => {
      batch.add(format.line(clock.now(), level, message, fields));
      if (level === "error") batch.flush();
    };
  };
  // Nothing to remove it with: a log on standard output lives as long as the process.
  if (options.write === undefined) process.on("exit", batch.end);
  return {
    debug: atLevel("debug"),
    info: atLevel("info"),
    warn: atLevel("warn"),
    error: atLevel("error"),
    request: isWritten("info")
      ? (request) => batch.add(format.request(clock.now(), request))
      : ignore,
    passOn: batch.add,
    flush: batch.flush,
  };
}

/** As `log.format` says, where `auto` goes by who reads. */
export function formatOf(setting: "auto" | "json" | "text"): "json" | "text" {
  if (setting !== "auto") return setting;
  return process.stdout.isTTY === true ? "text" : "json";
}

const noFields: LogFields = {};

/** Collects lines, since a write for each would cost more than the request it tells of. */
function createBatch(
  write: (lines: string) => void | Promise<void>,
  droppedLine: (dropped: number) => string,
) {
  let pending = "";
  let dropped = 0;
  let isWriting = false;
  let timer: ReturnType<typeof setTimeout> | null = null;

  function add(line: string): void {
    if (pending.length > pendingLengthMax) {
      dropped += 1;
      return;
    }
    pending += line;
    if (pending.length >= batchLengthMax) flush();
    else timer ??= setTimeout(flush, flushAfterMs);
  }

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (!isWriting) handOver();
  }

  function handOver(): void {
    if (pending === "") return;
    if (dropped > 0) pending += droppedLine(dropped);
    dropped = 0;
    const lines = pending;
    pending = "";
    const written = write(lines);
    if (written === undefined) return;
    isWriting = true;
    const done = () => {
      isWriting = false;
      flush();
    };
    written.then(done, done);
  }
  // At the exit of the process there is no later.
  return { add, flush, end: handOver };
}

/** A stalled pipe makes the promise wait, not the event loop. A closed one ends the output, not the server. */
function createStandardOutput(): (lines: string) => void | Promise<void> {
  const sink = Bun.stdout.writer();
  return (lines) => {
    try {
      sink.write(lines);
      const flushed = sink.flush();
      return typeof flushed === "number" ? undefined : flushed.then(ignore, ignore);
    } catch {
      return undefined; // The reader is gone: there is nobody left to tell.
    }
  };
}

function ignore(): void {}

/** How a line is put into words. */
interface LineFormat {
  line(ms: number, level: LogLevel, message: string, fields: LogFields): string;
  request(ms: number, request: RequestLine): string;
}

const textFormat: LineFormat = {
  line: formatText,
  request: (ms, request) =>
    formatText(ms, "info", `${request.method} ${request.path} ${request.status}`, {
      ...request,
      method: undefined,
      path: undefined,
      status: undefined,
    }),
};

function createJsonFormat(): LineFormat {
  let lastMs = Number.NaN;
  let head = "";
  const headAt = (ms: number) => {
    if (ms !== lastMs) head = `{"ts":"${new Date(ms).toISOString()}","level":"`;
    lastMs = ms;
    return head;
  };
  return {
    line(ms, level, message, fields) {
      const rest = escaped(
        JSON.stringify({ msg: message, ...fields }, jsonValue),
        controlPastAscii,
      );
      return `${headAt(ms)}${level}",${rest.slice(1)}\n`;
    },
    // By hand, since it is written for every request: 0.7 us, where JSON.stringify takes 2.
    request(ms, request) {
      const { method, status, principal, repository } = request;
      const path = jsonText(request.path);
      return (
        `${headAt(ms)}info","msg":"${method} ${path} ${status}","request_id":"${request.request_id}"` +
        `,"principal":${principal === null ? "null" : `"${jsonText(principal)}"`}` +
        `,"address":"${request.address}","user_agent":"${jsonText(request.user_agent)}"` +
        `,"scheme":"${request.scheme}","method":"${method}","path":"${path}"` +
        `,"repository":${repository === null ? "null" : `"${repository}"`},"status":${status}` +
        `,"bytes":${request.bytes},"duration_ms":${shortNumber(request.duration_ms)}}\n`
      );
    },
  };
}

function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return stackOf(value);
  return typeof value === "bigint" ? String(value) : value;
}

function formatText(ms: number, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${new Date(ms).toTimeString().slice(0, 8)} ${level.padEnd(5)} ${escaped(message, /[\p{Cc}]/gu)}`;
  let stack = "";
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || value === null || value === "") continue;
    if (value instanceof Error) {
      line += ` ${key}="${jsonText(value.message)}"`;
      stack += `${escaped(stackOf(value), /[^\P{Cc}\n]/gu)}\n`;
    } else if (typeof value === "number") {
      line += ` ${key}=${shortNumber(value)}`;
    } else {
      const text = typeof value === "string" ? value : JSON.stringify(value, jsonValue);
      line += ` ${key}=${/^[\w.:/@+-]+$/.test(text) ? text : `"${jsonText(text)}"`}`;
    }
  }
  return `${line}\n${stack}`;
}

// A terminal obeys control characters, also those past 0x7f, and headers are input.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafeInJson = /["\\\u0000-\u001f\u007f-\u009f]/;
const everyUnsafeInJson = new RegExp(unsafeInJson, "g");
const controlPastAscii = /[\u007f-\u009f]/g;

/** What stands between the quotes of a JSON string. */
function jsonText(text: string): string {
  return unsafeInJson.test(text) ? escaped(text, everyUnsafeInJson) : text;
}

function escaped(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** With what caused it, three levels deep. */
function stackOf(error: Error): string {
  let text = error.stack ?? String(error);
  let cause = error.cause;
  for (let depth = 0; depth < 3 && cause !== undefined; depth++) {
    text += `\ncaused by ${cause instanceof Error ? cause.stack : String(cause)}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

/** At most three decimals, so that 0.1 + 0.2 milliseconds do not fill the line. */
function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Number.isFinite(value) ? String(Math.round(value * 1000) / 1000) : "null";
}
