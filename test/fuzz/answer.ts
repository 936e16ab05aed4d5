import { ERROR_CODES } from "../../src/oci/error-code.ts";
import type { Ask } from "./world.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** The same as text. */
  readonly body: string;
}

export async function readAnswer(response: Response): Promise<Answer> {
  const bytes = await response.bytes();
  const { status, headers } = response;
  return { status, headers, bytes, body: new TextDecoder().decode(bytes) };
}

/** What of an answer no answer may be; null where it is as it should be, whatever was asked. */
export function faultOf(
  { method, path }: Pick<Ask, "method" | "path">,
  answer: Answer,
): string | null {
  const { status, headers, body, bytes } = answer;
  const shown = `${status} ${body.slice(0, 400)}`;
  if (status >= 500) return `an error of the server: ${shown}`;
  if (/\n\s+at .*:\d|\.ts:\d+|node_modules|bun:sqlite|SQLITE_/.test(body))
    return `it tells of the inside: ${shown}`;
  const length = headers.get("content-length");
  // What a handler answers to HEAD, the server sends without its body.
  if (method === "HEAD") return null;
  if (status === 204 || status === 304) {
    return bytes.byteLength === 0 ? null : `a body where there is none: ${shown}`;
  }
  if (length !== null && length !== `${bytes.byteLength}`)
    return `content-length is ${length}: ${shown}`;
  if (status < 400) return null;
  const isProblem = headers.get("content-type") === "application/problem+json";
  if (isPage(path) && headers.get("content-type")?.startsWith("text/html")) return null;
  return isProblem ? faultOfProblem(status, body) : faultOfErrors(status, headers, body);
}

const pages = [
  "/",
  "/setup",
  "/signin",
  "/signout",
  "/signup",
  "/tokens",
  "/tokens/revoke",
  "/password",
  "/assets/berth.css",
  "/assets/berth.svg",
];

function isPage(path: string): boolean {
  const { pathname } = new URL(`http://registry.example${path}`);
  return pages.includes(pathname) || pathname.startsWith("/docs/");
}

/** distribution-spec §Error Codes. */
function faultOfErrors(status: number, headers: Headers, body: string): string | null {
  const shown = `${status} ${body.slice(0, 400)}`;
  if (headers.get("content-type") !== "application/json")
    return `an error that is no JSON: ${shown}`;
  const [error, ...more] = errorsIn(body);
  if (error === undefined || more.length > 0) return `not one error: ${shown}`;
  if (!Object.hasOwn(ERROR_CODES, String(error["code"]))) return `no code of ours: ${shown}`;
  if (typeof error["message"] !== "string" || error["message"] === "")
    return `no message: ${shown}`;
  if (status === 401 && !headers.has("www-authenticate"))
    return `401 without a challenge: ${shown}`;
  return null;
}

/** RFC 9457. */
function faultOfProblem(status: number, body: string): string | null {
  const shown = `${status} ${body.slice(0, 400)}`;
  const problem = parsed(body);
  if (problem["status"] !== status) return `a problem with another status: ${shown}`;
  return typeof problem["title"] === "string" ? null : `a problem without a title: ${shown}`;
}

function errorsIn(body: string): Record<string, unknown>[] {
  const { errors } = parsed(body);
  return Array.isArray(errors) ? errors : [];
}

function parsed(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
