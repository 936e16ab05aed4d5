import { ClientError } from "../client/client-error.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { UsageError } from "./command.ts";
import { CallError } from "./control-client.ts";

/** What the exit code of a command says to a script. Some commands have further ones, which their help lists. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "it failed" },
  usage: { code: 2, meaning: "the command line makes no sense, or what it asks for breaks a rule" },
  gate: { code: 3, meaning: "it was done, and what it looked at is not as it should be" },
  signIn: { code: 4, meaning: "not signed in, or not allowed" },
  notFound: { code: 5, meaning: "there is no such thing" },
  conflict: { code: 6, meaning: "what is there, or a rule on it, stands in the way" },
  interrupted: { code: 130, meaning: "interrupted" },
} as const satisfies Readonly<Record<string, { code: number; meaning: string }>>;

/** For the answer of a server. */
export function exitCodeOf(status: number): number {
  switch (status) {
    case 400:
      return EXIT_CODES.usage.code;
    case 401:
    case 403:
      return EXIT_CODES.signIn.code;
    case 404:
      return EXIT_CODES.notFound.code;
    case 409:
    case 412:
    case 422:
      return EXIT_CODES.conflict.code;
    default:
      return EXIT_CODES.failed.code;
  }
}

/**
 * Prints what a person can mend, in one sentence, and returns the exit code; throws what nobody expected.
 * `typed`: words of the command line, which stay as they are.
 */
export function explainFailure(error: unknown, typed: readonly string[] = []): number {
  if (error instanceof UsageError) {
    console.error(error.message);
    return EXIT_CODES.usage.code;
  }
  if (error instanceof CallError || error instanceof ClientError) {
    console.error(sentenceOf(error.message, typed));
    return error.status === null ? EXIT_CODES.failed.code : exitCodeOf(error.status);
  }
  if (error instanceof RegistryError) {
    console.error(sentenceOf(error.message, typed));
    return EXIT_CODES.failed.code;
  }
  // Of the file system: what it was, and of which file, are in its words.
  if (error instanceof Error && /^E[A-Z]+$/.test(String((error as { code?: unknown }).code))) {
    console.error(`${error.message}.`);
    return EXIT_CODES.failed.code;
  }
  throw error;
}

/** With a capital, unless it begins with a name, which would be another one then. */
function sentenceOf(message: string, typed: readonly string[]): string {
  const [first = ""] = message.split(/[ :]/);
  const isWord = /^[a-z']+$/.test(first) && !typed.includes(first);
  return `${isWord ? message.charAt(0).toUpperCase() + message.slice(1) : message}.`;
}
