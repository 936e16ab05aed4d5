import type { Endpoint, EndpointMethod } from "../access/endpoint.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";

/** An endpoint, and what the path of a request says for the parameters of its own. */
export interface Match {
  readonly endpoint: Endpoint;
  readonly params: Readonly<Record<string, string>>;
}

/** Bytes of a path that is looked at: a repository's name, percent-encoded, fits. */
const pathBytesMax = 4 * 1024;

interface Pattern {
  readonly endpoint: Endpoint;
  /** A parameter's begin with `{`. */
  readonly components: readonly string[];
}

/**
 * Finds endpoints by method and path. HEAD is served where GET is. Throws 404 for a path that no
 * endpoint has, 405 with `Allow` for another method.
 */
export function createMatcher(
  endpoints: readonly Endpoint[],
): (method: string, path: string) => Match {
  const patterns = endpoints.map((endpoint) => ({
    endpoint,
    components: endpoint.path.split("/"),
  }));
  return (method, path) => {
    if (path.length > pathBytesMax) {
      throw new RegistryError("UNSUPPORTED", { status: 414, message: "the path is too long" });
    }
    const components = path.split("/");
    const atPath = mostLiteral(patterns.filter((pattern) => fits(pattern, components)));
    const asked = method === "HEAD" ? "GET" : method;
    const found = atPath.find(({ endpoint }) => endpoint.method === asked);
    if (found !== undefined) {
      return { endpoint: found.endpoint, params: readParams(found, components) };
    }
    if (atPath.length === 0) {
      throw new RegistryError("UNSUPPORTED", {
        status: 404,
        message: `nothing is served at ${excerpt(path)}`,
      });
    }
    const allow = allowed(atPath.map(({ endpoint }) => endpoint.method));
    throw new RegistryError("UNSUPPORTED", {
      message: `${excerpt(method)} is not a method of ${excerpt(path)}, which has ${allow}`,
      headers: { allow },
    });
  };
}

/** The parameters of a path, in their order. */
export function pathParams(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

function fits({ components: pattern }: Pattern, components: readonly string[]): boolean {
  return (
    pattern.length === components.length &&
    pattern.every((part, index) =>
      part.startsWith("{") ? components[index] !== "" : part === components[index],
    )
  );
}

/** Where a literal component and a parameter both fit, the literal is meant. */
function mostLiteral(patterns: readonly Pattern[]): Pattern[] {
  const count = ({ endpoint }: Pattern) => pathParams(endpoint.path).length;
  const least = Math.min(...patterns.map(count));
  return patterns.filter((pattern) => count(pattern) === least);
}

function readParams(
  { components: pattern }: Pattern,
  components: readonly string[],
): Record<string, string> {
  const params: Record<string, string> = {};
  pattern.forEach((part, index) => {
    if (part.startsWith("{")) params[part.slice(1, -1)] = decodeOnce(components[index] ?? "");
  });
  return params;
}

/**
 * Each value has one spelling, but for the characters that a path may hold as they are. Anything else
 * would be read in one way here and in another by a proxy that guards something.
 */
function decodeOnce(component: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(component);
  } catch {
    throw notCanonical(component);
  }
  const spelled = component
    .replace(/%[0-9a-f]{2}/gi, (triple) => triple.toUpperCase())
    .replace(/[:@$&+,;=]/g, encodeURIComponent);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  const isOdd = /[\u0000-\u001f\u007f%\\]/.test(decoded);
  if (isOdd || spelled !== encodeURIComponent(decoded)) throw notCanonical(component);
  return decoded;
}

function notCanonical(component: string): RegistryError {
  return new RegistryError("NAME_INVALID", {
    message: `the component ${JSON.stringify(excerpt(component))} of the path is not percent-encoded as encodeURIComponent does`,
  });
}

function allowed(methods: readonly EndpointMethod[]): string {
  return methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
}
