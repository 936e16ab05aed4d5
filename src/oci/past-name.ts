import { excerpt, RegistryError } from "./registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "./repository-name.ts";

/** A moment that a name may begin with: `asof/20260501t100000z/team/app` is `team/app` as it was then. */
export interface Past {
  /** Epoch milliseconds. */
  readonly at: number;
  /** As it was spelled, with the slash before the repository's name. */
  readonly prefix: string;
}

export interface AskedName {
  readonly name: RepositoryName;
  /** Null: as it is now. */
  readonly past: Past | null;
}

const mark = "asof/";

/** Throws NAME_INVALID, which names the value and the rule it breaks. */
export function parseAskedName(text: string): AskedName {
  if (!text.startsWith(mark)) return { name: parseRepositoryName(text), past: null };
  const slash = text.indexOf("/", mark.length);
  if (slash === -1) {
    throw invalid(text, "asof/<time>/ begins the name of a repository, as in asof/<time>/team/app");
  }
  const prefix = text.slice(0, slash + 1);
  const at = parsePastTime(text.slice(mark.length, slash), text);
  return { name: parseRepositoryName(text.slice(slash + 1)), past: { at, prefix } };
}

/** The name as it was asked for, for answers that name it. */
export function spell({ name, past }: AskedName): string {
  return past === null ? name : past.prefix + name;
}

const timePattern = /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)(\d{3})?z$/;

/** Without milliseconds the last one of the second: all that happened in it has happened. */
function parsePastTime(text: string, name: string): number {
  const match = timePattern.exec(text);
  if (match === null) {
    throw invalid(
      name,
      "a time is written as 20260501t100000z or, with milliseconds, 20260501t100000123z (UTC)",
    );
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  const at = Date.UTC(year, month - 1, day, hour, minute, second, Number(match[7] ?? 999));
  if (!text.startsWith(formatPastTime(at).slice(0, "20260501t100000".length))) {
    throw invalid(name, "there is no such day or time of day");
  }
  return at;
}

/** As names have it, with milliseconds. */
export function formatPastTime(at: number): string {
  return new Date(at).toISOString().replace(/[-:.]/g, "").toLowerCase();
}

function invalid(text: string, rule: string): RegistryError {
  return new RegistryError("NAME_INVALID", {
    message: `invalid name ${JSON.stringify(excerpt(text))}: ${rule}`,
    detail: { name: excerpt(text) },
  });
}
