import { ERROR_CODES, type ErrorCode } from "./error-code.ts";

/** What a `RegistryError` says beyond its code. */
export interface RegistryErrorOptions {
  /** One sentence for a person: the value, and the rule it breaks. Default: the code's message. */
  readonly message?: string;
  /** Default: the code's status. A code does not fix it: a manifest that is too large is 413. */
  readonly status?: number;
  /** Anything JSON can say; goes out as `detail`. Cut values to size with `excerpt`. */
  readonly detail?: unknown;
  /** Headers that the answer needs, such as `Range` or `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What led to it: for the log, never for the client. */
  readonly cause?: unknown;
}

/** A request that cannot go on, in the words of distribution-spec §Error Codes. Thrown anywhere, written once. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, options: RegistryErrorOptions = {}) {
    super(
      options.message ?? ERROR_CODES[code].message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? ERROR_CODES[code].status;
    this.detail = options.detail;
    this.headers = { ...options.headers };
  }
}

/** Characters (UTF-16 units) of an offending value that an error repeats. */
export const excerptLengthMax = 256;

/** `text` cut to what an error may repeat: an answer must not grow with the input it refuses. */
export function excerpt(text: string, lengthMax = excerptLengthMax): string {
  if (text.length <= lengthMax) return text.toWellFormed();
  return `${text.slice(0, lengthMax - 3).toWellFormed()}...`;
}
