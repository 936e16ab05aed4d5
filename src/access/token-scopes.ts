import { type AskedName, parseAskedName } from "../oci/past-name.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Scopes that one request may name, and characters of all of them. */
export const askedScopesMax = 100;
const askedLengthMax = 8_192;

const repositoryVerbs = ["pull", "push", "delete"] as const;

/** The second is what `docker search` asks for (moby/moby registry/search.go); both see the same names. */
const catalogVerbs = ["*", "search"] as const;

const pastVerbs = ["pull"] as const satisfies RepositoryVerb[];

export type RepositoryVerb = (typeof repositoryVerbs)[number];

/** What a client asks of the token service, of which it gets what its rights let it have. */
export interface AskedScopes {
  readonly repositories: ReadonlyMap<RepositoryName, ReadonlySet<RepositoryVerb>>;
  readonly catalog: boolean;
}

/**
 * Reads `scope` parameters in the distribution project's grammar: `repository:team/app:pull,push`,
 * with a class (`repository(plugin):...`), or `registry:catalog:*`; several apart by spaces. What
 * it does not know is left out, as the grammar asks: the token is then not for it. `service` is the
 * host that a name may begin with. A name of the past (`asof/<time>/team/app`) asks for pulling from the
 * repository itself. Throws UNSUPPORTED (400) when there is too much of it.
 */
export function parseScopes(parameters: readonly string[], service: string | null): AskedScopes {
  const length = parameters.reduce((sum, text) => sum + text.length, 0);
  if (length > askedLengthMax) throw tooMuch(`${askedLengthMax} characters`);
  const texts = parameters.flatMap((text) => text.split(" ")).filter((text) => text !== "");
  if (texts.length > askedScopesMax) throw tooMuch(`${askedScopesMax} scopes`);
  const repositories = new Map<RepositoryName, Set<RepositoryVerb>>();
  let catalog = false;
  for (const text of texts) {
    const scope = takeApart(text);
    if (scope === null) continue;
    if (scope.type === "registry") {
      catalog ||=
        scope.name === "catalog" && catalogVerbs.some((verb) => scope.actions.includes(verb));
      continue;
    }
    const asked = readName(scope.name, service);
    if (asked === null) continue;
    const { name, past } = asked;
    const verbs = repositories.get(name) ?? new Set();
    for (const verb of past === null ? repositoryVerbs : pastVerbs) {
      if (scope.actions.includes(verb) || scope.actions.includes("*")) verbs.add(verb);
    }
    if (verbs.size > 0) repositories.set(name, verbs);
  }
  return { repositories, catalog };
}

interface Parts {
  readonly type: "repository" | "registry";
  readonly name: string;
  readonly actions: readonly string[];
}

/** A name may hold a colon, before the port of its host: the first and the last one are the grammar's. */
function takeApart(text: string): Parts | null {
  const first = text.indexOf(":");
  const last = text.lastIndexOf(":");
  if (first === -1 || first === last) return null;
  const type = text.slice(0, first).replace(/\([a-z0-9]*\)$/, "");
  if (type !== "repository" && type !== "registry") return null;
  return { type, name: text.slice(first + 1, last), actions: text.slice(last + 1).split(",") };
}

function readName(text: string, service: string | null): AskedName | null {
  const name =
    service !== null && text.startsWith(`${service}/`) && service.includes(":")
      ? text.slice(service.length + 1)
      : text;
  try {
    return parseAskedName(name);
  } catch {
    return null;
  }
}

function tooMuch(most: string): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `a token is asked for with at most ${most} at once`,
  });
}
