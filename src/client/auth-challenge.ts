/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  readonly params: Readonly<Record<string, string>>;
}

const headerLengthMax = 16 * 1024;
const token = "[\\w!#$%&'*+.^`|~-]+";
const paramPattern = new RegExp(
  `^\\s*,?\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`,
);
const schemePattern = new RegExp(`^[\\s,]*(${token})(?=\\s|,|$)`);

/** What a registry asks for; what cannot be read is left out. */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = (header ?? "").slice(0, headerLengthMax);
  for (;;) {
    const scheme = schemePattern.exec(rest);
    if (scheme === null) return challenges;
    rest = rest.slice(scheme[0].length);
    const params: Record<string, string> = {};
    for (let found = paramPattern.exec(rest); found !== null; found = paramPattern.exec(rest)) {
      const [whole, name = "", quoted, plain] = found;
      params[name.toLowerCase()] = plain ?? (quoted ?? "").replace(/\\(.)/gs, "$1");
      rest = rest.slice(whole.length);
    }
    challenges.push({ scheme: (scheme[1] ?? "").toLowerCase(), params });
  }
}

/** Where a token is to be had, if that is offered. */
export function bearerIn(challenges: readonly Challenge[]): Challenge | null {
  return challenges.find(({ scheme, params }) => scheme === "bearer" && params["realm"]) ?? null;
}
