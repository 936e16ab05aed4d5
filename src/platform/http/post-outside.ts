import type { Clock } from "../../lib/clock.ts";
import { isInnerAddress } from "../inner-addresses.ts";
import { createAddressMatcher } from "../ip-address.ts";
import { addressesOf, fetchAt, hostOf, resolveBySystem } from "./pinned-fetch.ts";

/** How long one request may take, from the look-up of the name to the end of the answer. */
const requestMsMax = 10_000;
/** Bytes of an answer that are read. */
const answerBytesMax = 16 * 1024;
/** Headers of an answer that are kept, and characters of each. */
const keptHeaders = [
  "content-type",
  "content-encoding",
  "date",
  "location",
  "retry-after",
  "server",
];
const headerLengthMax = 256;
/** Characters of an address. */
export const urlLengthMax = 2_048;

/** Sends requests to addresses that users name, and to none that only we should reach. */
export interface Outbound {
  post(url: URL, message: OutboundMessage, signal: AbortSignal): Promise<OutboundResult>;
}

export interface OutboundMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What became of a request. */
export type OutboundResult =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      /** The beginning, as it came: what was compressed stays so. */
      readonly body: string;
      readonly durationMs: number;
    }
  | { readonly kind: "failed"; readonly reason: string; readonly durationMs: number };

export interface OutboundOptions {
  readonly clock: Clock;
  /** Addresses and ranges of one's own network that may be reached all the same. */
  readonly allow: readonly string[];
  /** What tests bring: addresses of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** What tests shorten. */
  readonly requestMsMax?: number;
}

/** Why it is no address that a request may be sent to; null where it is one. What its name means is looked up later. */
export function brokenUrlRule(url: URL): string | null {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return "must begin with https:// or http://";
  }
  if (url.username !== "" || url.password !== "") return "must hold no user and no password";
  if (url.hash !== "") return "must have no fragment";
  if (url.href.length > urlLengthMax) return `must have at most ${urlLengthMax} characters`;
  return null;
}

/**
 * The name is looked up once, and the request goes to an address that was looked at: a name that means
 * another one a moment later leads nowhere else. An answer that leads elsewhere is not followed.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const { clock, resolve = addressesOrNone } = options;
  const isAllowed = createAddressMatcher(options.allow);

  async function addressFor(url: URL, signal: AbortSignal): Promise<string> {
    const host = hostOf(url);
    const found = await addressesOf(host, resolve, signal);
    const address = found.find((each) => isAllowed(each) || !isInnerAddress(each));
    if (address !== undefined) return address;
    throw new RefusedError(
      found.length === 0
        ? `the name ${host} has no address`
        : `${host} is an address of an inner network, which the setting webhooks.allow does not name`,
    );
  }

  async function send(url: URL, message: OutboundMessage, signal: AbortSignal) {
    const address = await addressFor(url, signal);
    const response = await fetchAt(url, address, { method: "POST", ...message, signal });
    return {
      status: response.status,
      headers: headersOf(response.headers),
      body: await beginningOf(response),
    };
  }

  return {
    async post(url, message, signal) {
      const began = clock.monotonic();
      const taken = () => Math.round(clock.monotonic() - began);
      const msMax = options.requestMsMax ?? requestMsMax;
      const timeout = AbortSignal.timeout(msMax);
      try {
        const answer = await send(url, message, AbortSignal.any([signal, timeout]));
        return { kind: "answered", ...answer, durationMs: taken() };
      } catch (error) {
        const reason = timeout.aborted
          ? `no answer within ${msMax / 1000} s`
          : reasonOf(error, url.hostname);
        return { kind: "failed", reason, durationMs: taken() };
      }
    },
  };
}

class RefusedError extends Error {}

async function addressesOrNone(host: string): Promise<readonly string[]> {
  return await resolveBySystem(host).catch(() => []);
}

function headersOf(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of keptHeaders) {
    const value = headers.get(name);
    if (value !== null) kept[name] = value.slice(0, headerLengthMax);
  }
  return kept;
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < answerBytesMax) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value.subarray(0, answerBytesMax - bytes));
    bytes += value.byteLength;
  }
  // The rest is not wanted: the connection ends.
  await reader.cancel().catch(() => {});
  // PostgreSQL takes no NUL in texts.
  return Buffer.concat(pieces).toString("utf8").replaceAll("\0", "\u{fffd}");
}

/** Of errors of the network, which name the pinned address and not what the user wrote. */
function reasonOf(error: unknown, host: string): string {
  if (error instanceof RefusedError) return error.message;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const what = typeof code === "string" ? `${code}: ${message}` : String(message);
  return `${host}: ${what}`.slice(0, 500);
}
