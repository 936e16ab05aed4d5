import { excerpt, RegistryError } from "../oci/registry-error.ts";

/** Characters. */
export const patternLengthMax = 256;

export type Matcher = (text: string) => boolean;

/**
 * A test whether a text fits a pattern. `*` is any run of characters within a component, `**` as a
 * component of its own is any number of components, none as well: `team/**` is `team` and all below
 * it. Nothing else is special. Takes time that grows with the text alone, whatever the pattern: no
 * part of the text is tried twice for the same stretch between two stars.
 *
 * Throws UNSUPPORTED (400), which names the rule that the pattern breaks.
 */
export function compilePattern(pattern: string): Matcher {
  const rule = brokenRule(pattern);
  if (rule !== null) throw invalid(pattern, rule);
  if (pattern === "**") return () => true;
  if (!pattern.includes("*")) return (text) => text === pattern;
  const head = pattern.slice(0, -"/**".length);
  if (pattern.endsWith("/**") && !head.includes("*")) {
    const below = `${head}/`;
    return (text) => text === head || text.startsWith(below);
  }
  return matchComponents(pattern.split("/"));
}

/**
 * Whether the pattern takes in every repository of a project, and those to come: then it speaks of
 * the project itself.
 */
export function coversProject(pattern: string, project: string): boolean {
  if (pattern === "**") return true;
  if (!pattern.endsWith("/**")) return false;
  return compilePattern(pattern.slice(0, -"/**".length))(project);
}

/** Whether the pattern may fit a repository of the project. */
export function reachesProject(pattern: string, project: string): boolean {
  const slash = pattern.indexOf("/");
  return compilePattern(slash === -1 ? pattern : pattern.slice(0, slash))(project);
}

/** Throws UNSUPPORTED (400) for a pattern of repository names that could reach beyond `project`. */
export function parseRepositoryPattern(pattern: string, project: string | null): string {
  compilePattern(pattern);
  if (/[A-Z]/.test(pattern)) throw invalid(pattern, "repository names are lowercase");
  if (project === null || pattern === "**") return pattern;
  if (pattern === project || pattern.startsWith(`${project}/`)) return pattern;
  throw invalid(pattern, `must be "**" or begin with "${project}/", the project it is for`);
}

/** Throws UNSUPPORTED (400) for what no tag can fit. */
export function parseTagPattern(pattern: string): string {
  if (pattern.includes("/")) throw invalid(pattern, 'tags hold no "/"');
  compilePattern(pattern);
  return pattern;
}

/** A component, taken apart at its stars. */
type Component = readonly string[];

function matchComponents(components: readonly string[]): Matcher {
  const stretches: Component[][] = [[]];
  for (const component of components) {
    if (component === "**") stretches.push([]);
    else stretches.at(-1)?.push(component.split("*"));
  }
  const [first = [], ...others] = stretches;
  const last = others.pop();
  return (text) => {
    const parts = text.split("/");
    if (!fitsAt(first, parts, 0)) return false;
    if (last === undefined) return parts.length === first.length;
    let at = first.length;
    for (const stretch of others) {
      // The leftmost place leaves the most to what follows: no other needs to be tried.
      while (at + stretch.length <= parts.length && !fitsAt(stretch, parts, at)) at += 1;
      at += stretch.length;
    }
    const lastAt = parts.length - last.length;
    return lastAt >= at && fitsAt(last, parts, lastAt);
  };
}

function fitsAt(stretch: readonly Component[], parts: readonly string[], at: number): boolean {
  if (at + stretch.length > parts.length) return false;
  return stretch.every((component, index) => fits(component, parts[at + index] ?? ""));
}

function fits(component: Component, text: string): boolean {
  const first = component[0] ?? "";
  if (component.length === 1) return text === first;
  const last = component.at(-1) ?? "";
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of component.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= end;
}

function brokenRule(pattern: string): string | null {
  if (pattern === "") return "must not be empty";
  if (pattern.length > patternLengthMax) {
    return `must be at most ${patternLengthMax} characters long, not ${pattern.length}`;
  }
  if (/[^A-Za-z0-9._/*-]/.test(pattern)) {
    return 'may hold only letters, digits, ".", "_", "-", "/" and "*"';
  }
  const components = pattern.split("/");
  if (components.includes("")) return "must have no empty component";
  if (components.some((component) => component.includes("**") && component !== "**")) {
    return '"**" must be a component of its own';
  }
  return null;
}

function invalid(pattern: string, rule: string): RegistryError {
  return new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `invalid pattern ${JSON.stringify(excerpt(pattern))}: ${rule}`,
    detail: { pattern: excerpt(pattern) },
  });
}
