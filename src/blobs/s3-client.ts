import { AwsV4Signer } from "aws4fetch";
import type { Clock } from "../lib/clock.ts";
import { randomFraction } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Credentials } from "./s3-credentials.ts";
import { bucketUrl, type S3Location } from "./s3-location.ts";
import { xmlValue } from "./s3-xml.ts";

/** Tries of one call, and the longest wait before the second; the wait doubles from try to try. */
const triesMax = 6;
const firstWaitMs = 100;
const waitMsMax = 5_000;
/** A call without bytes to send has this long to answer; one with bytes gets more for them. */
const answerMsMax = 30_000;
const slowestBytesPerMs = 512;
const signingKeysMax = 16;
/** What an answer's way and its `Date` of whole seconds may be off. */
const clockToleranceMs = 30_000;

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Of the object, prefix included; empty: the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: S3Payload | string;
  readonly answerMsMax?: number;
}

/** Bytes that can be sent again. */
export interface S3Payload {
  readonly sizeBytes: number;
  open(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** An answer that says no, or an answer that did not come. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  /** 0: no answer. */
  readonly status: number;
  /** As S3 has it, such as NoSuchKey; or the name of the fault. */
  readonly code: string;

  constructor(message: string, status: number, code: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
  }
}

export interface S3ClientOptions {
  readonly location: S3Location;
  /** PEM; null: the system's authorities. */
  readonly ca: string | null;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** What tests shorten. */
  readonly firstWaitMs?: number;
  readonly answerMsMax?: number;
}

/** Signs, sends, and tries again what may come right. */
export interface S3Client {
  /** An answer of 2xx; its body is read, and let go of, but for that of a GET. Throws `S3Error`. */
  send(request: S3Request): Promise<Response>;
  /** All of the body, in the time that an answer has; one that breaks off is asked for again. */
  sendForBytes(request: S3Request): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The same for a body that has to be read for the answer to be known: S3 may say 200 before it knows
   * how a call ends, and tell of an error in the body.
   */
  sendForText(request: S3Request): Promise<string>;
  /** An address that anybody may read the object at for `seconds`. */
  presign(key: string, seconds: number): Promise<string>;
  readonly stats: S3Stats;
}

export interface S3Stats {
  requests: number;
  retries: number;
}

export function createS3Client(options: S3ClientOptions): S3Client {
  const { location, credentials, clock } = options;
  const base = bucketUrl(location);
  const signingKeys = new Map<string, ArrayBuffer>();
  const tls = options.ca === null ? {} : { tls: { ca: options.ca } };
  const stats = { requests: 0, retries: 0 };
  /** By how much S3's clock is ahead of this node's. */
  let aheadMs = 0;

  /**
   * S3 refuses what was signed a quarter of an hour from its own time, and a link that a node behind
   * time signs is over when a client gets it: so what S3 says of the time counts.
   */
  function learnTime(answer: Response): void {
    const differenceMs = Date.parse(answer.headers.get("date") ?? "") - clock.now();
    if (Number.isNaN(differenceMs)) return;
    aheadMs = Math.abs(differenceMs) > clockToleranceMs ? differenceMs : 0;
  }

  async function signed(
    request: Pick<S3Request, "method" | "key" | "query" | "headers">,
    signQuery: boolean,
  ): Promise<{ url: URL; headers: Headers }> {
    const { key, method } = request;
    const query = new URLSearchParams(request.query).toString();
    const url = `${base}${key === "" ? "" : `/${key}`}${query === "" ? "" : `?${query}`}`;
    // A key lives for a day: without this the map grows by one with each.
    if (signingKeys.size > signingKeysMax) signingKeys.clear();
    const signer = new AwsV4Signer({
      method,
      url,
      headers: { ...(signQuery ? {} : unsigned), ...request.headers },
      ...(await credentials.current()),
      service: "s3",
      region: location.region,
      cache: signingKeys,
      datetime: new Date(clock.now() + aheadMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      signQuery,
    });
    return await signer.sign();
  }

  async function attempt<T>(request: S3Request, read: (answer: Response) => Promise<T>) {
    const { url, headers } = await signed(request, false);
    const { body } = request;
    const payload = typeof body === "string" || body === undefined ? body : body.open();
    if (typeof body === "object") headers.set("content-length", `${body.sizeBytes}`);
    const limitMs = (options.answerMsMax ?? request.answerMsMax ?? answerMsMax) + msFor(body);
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), limitMs);
    stats.requests += 1;
    try {
      const answer = await fetch(url, {
        method: request.method,
        headers,
        ...(payload === undefined ? {} : { body: payload }),
        redirect: "manual",
        decompress: false,
        signal: ending.signal,
        ...tls,
      });
      learnTime(answer);
      if (!answer.ok) throw await errorOf(request, answer);
      return await read(answer);
    } catch (error) {
      throw error instanceof S3Error ? error : noAnswer(request, error, ending.signal.aborted);
    } finally {
      clearTimeout(timer);
    }
  }

  async function withRetries<T>(
    request: S3Request,
    read: (answer: Response) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(request, read);
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        const isStale = isStaleCredential(error) && credentials.refresh();
        if (tries === triesMax) throw error;
        if (!isStale && !mayComeRight(error)) throw error;
        stats.retries += 1;
        const waitMs = Math.min(waitMsMax, (options.firstWaitMs ?? firstWaitMs) * 2 ** tries);
        await Bun.sleep(waitMs * randomFraction());
      }
    }
  }

  return {
    send: (request) =>
      withRetries(request, async (answer) => {
        // A connection is used again only after the answer on it was read. What it said counts all the same.
        if (request.method !== "GET") await answer.arrayBuffer().catch(() => {});
        return answer;
      }),
    sendForBytes: (request) =>
      withRetries(request, async (answer) => {
        const wanted = answer.headers.get("content-length");
        const bytes = new Uint8Array(await answer.arrayBuffer());
        if (wanted === null || bytes.byteLength === Number(wanted)) return bytes;
        throw new S3Error(
          `GET ${request.key}: ${bytes.byteLength} of ${wanted} bytes`,
          0,
          "CutShort",
        );
      }),
    sendForText: (request) =>
      withRetries(request, async (answer) => {
        const text = await answer.text();
        if (errorBody.test(text)) throw errorIn(request, 200, text);
        return text;
      }),
    async presign(key, seconds) {
      const query = { "X-Amz-Expires": `${seconds}` };
      const { url } = await signed({ method: "GET", key, query }, true);
      return url.href;
    },
    stats,
  };

  function msFor(body: S3Request["body"]): number {
    return typeof body === "object" ? body.sizeBytes / slowestBytesPerMs : 0;
  }

  async function errorOf(request: S3Request, answer: Response): Promise<S3Error> {
    const text = await answer.text().catch(() => "");
    return errorIn(request, answer.status, text);
  }

  function errorIn(request: S3Request, status: number, text: string): S3Error {
    const code = xmlValue(text, "Code") ?? `${status}`;
    const said = xmlValue(text, "Message") ?? "";
    const skew = code === "RequestTimeTooSkewed" ? ` (it is ${clock.now()} here)` : "";
    return new S3Error(
      `${request.method} ${location.bucket}/${request.key}: ${status} ${code} ${said}${skew}`.trim(),
      status,
      code,
    );
  }
}

/** An error is the whole of a body; in the answer to a batch there may be some of single objects. */
const errorBody = /^\s*(?:<\?xml[^>]*\?>)?\s*<Error[ >]/;

const unsigned = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };

function noAnswer({ method, key }: S3Request, error: unknown, timedOut: boolean): S3Error {
  const code = timedOut ? "Timeout" : ((error as { code?: string }).code ?? "NoAnswer");
  return new S3Error(`${method} ${key}: no answer (${code})`, 0, code, error);
}

function isStaleCredential({ code }: S3Error): boolean {
  return code === "ExpiredToken" || code === "InvalidToken" || code === "TokenRefreshRequired";
}

/** Overload and trouble on the way, and a 200 that turned out to be an error. */
function mayComeRight({ status, code }: S3Error): boolean {
  if (status === 0) return true;
  if (status === 200) return code === "InternalError" || code === "ServiceUnavailable";
  // The refusal told the right time.
  if (code === "RequestTimeTooSkewed") return true;
  // 409: something else is being done to the object, or near it, at this moment.
  return [408, 409, 429, 500, 502, 503, 504].includes(status) || code === "RequestTimeout";
}

/** What a failed call means to the client. Names stay in `cause`, for the log. */
export function s3Failure(error: unknown, what: string): RegistryError {
  if (error instanceof RegistryError) return error;
  const code = error instanceof S3Error ? error.code : "unknown error";
  // Trying again later would not bring it back: somebody ended it, or a rule of the bucket.
  if (code === "NoSuchUpload") {
    const message = "bytes of the upload are gone: start it again";
    return new RegistryError("BLOB_UPLOAD_INVALID", { message, cause: error });
  }
  return new RegistryError("UNAVAILABLE", {
    message: `the registry's storage failed at ${what} (${code})`,
    headers: { "retry-after": "5" },
    cause: error,
  });
}
