import { STATUS_CODES } from "node:http";
import { RegistryError } from "../../oci/registry-error.ts";

export const problemContentType = "application/problem+json";

/** One part of the input that breaks its rule; `pointer` is a JSON pointer (RFC 6901). */
export interface InputProblem {
  readonly pointer: string;
  readonly message: string;
}

/** What an error answer of the management API says: RFC 9457, with a code and the request's id. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  /** One sentence for a person. */
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: readonly InputProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes an error as RFC 9457 has it. */
export function problemResponse(problem: Problem): Response {
  const { status, code, detail, requestId, errors, headers } = problem;
  const body = {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    code,
    request_id: requestId,
    ...(errors === undefined ? {} : { errors }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, "content-type": problemContentType, "x-request-id": requestId },
  });
}

/** What a caller may know of an error: of one that is no `RegistryError`, nothing but that it happened. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (!(error instanceof RegistryError)) {
    const detail = "The request failed inside Berth; its log says why.";
    return { status: 500, code: "UNKNOWN", detail, requestId };
  }
  const { status, code, message, headers } = error;
  // The codes of /v2/ have no words for these.
  const isVague = code === "DENIED" || code === "UNSUPPORTED";
  const told = isVague ? (codeByStatus[status] ?? code) : code;
  return { status, code: told, detail: message, requestId, headers };
}

const codeByStatus: Readonly<Record<number, string>> = {
  400: "INPUT_INVALID",
  404: "PATH_UNKNOWN",
  405: "METHOD_UNKNOWN",
  408: "INPUT_LATE",
  409: "CONFLICT",
  412: "VERSION_CHANGED",
  413: "INPUT_TOO_LARGE",
  414: "PATH_TOO_LONG",
  415: "INPUT_NOT_JSON",
  422: "IDEMPOTENCY_KEY_REUSED",
};
