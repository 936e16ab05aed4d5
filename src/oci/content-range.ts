/** First and last byte, both included. */
export interface ByteSpan {
  readonly first: number;
  readonly last: number;
}

/** What a Range header asks of content of a known size. */
type RequestedRange = { kind: "whole" } | ({ kind: "part" } & ByteSpan) | { kind: "unsatisfiable" };

// Fifteen digits stay below 2^53.
const uploadPattern = /^(?:bytes )?([0-9]{1,15})-([0-9]{1,15})(?:\/(?:\*|([0-9]{1,15})))?$/i;
const requestPattern = /^bytes=([0-9]*)-([0-9]*)$/i;

/**
 * Reads the Content-Range of an upload's chunk: `<first>-<last>` (distribution-spec §Pushing a blob in
 * chunks), or RFC 9110's `bytes <first>-<last>/<size>`, which some clients send. Null for anything else.
 */
export function parseContentRange(header: string): ByteSpan | null {
  const match = uploadPattern.exec(header.trim());
  if (match === null) return null;
  const first = Number(match[1]);
  const last = Number(match[2]);
  if (last < first) return null;
  if (match[3] !== undefined && Number(match[3]) <= last) return null;
  return { first, last };
}

/**
 * Reads a Range header for content of `sizeBytes` (RFC 9110 §14.2). What need not be honoured is the
 * whole: other units, several ranges, nonsense. `last` is cut to the content's end. One that ends
 * before it begins is refused (RFC 9110 §15.5.17), as the conformance suite asks.
 */
export function parseRange(header: string | null, sizeBytes: number): RequestedRange {
  const match = header === null ? null : requestPattern.exec(header.trim());
  if (match === null) return { kind: "whole" };
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? { kind: "whole" } : suffix(Number(last), sizeBytes);
  if (last !== "" && compareDecimals(last, first) < 0) return { kind: "unsatisfiable" };
  if (Number(first) >= sizeBytes) return { kind: "unsatisfiable" };
  const end = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return { kind: "part", first: Number(first), last: end };
}

function suffix(lengthBytes: number, sizeBytes: number): RequestedRange {
  if (lengthBytes === 0 || sizeBytes === 0) return { kind: "unsatisfiable" };
  return { kind: "part", first: Math.max(0, sizeBytes - lengthBytes), last: sizeBytes - 1 };
}

/** Numbers in headers have no limit, and as doubles two that differ may be equal. */
function compareDecimals(a: string, b: string): number {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
