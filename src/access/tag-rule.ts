import { LRUCache } from "lru-cache";
import { RegistryError } from "../oci/registry-error.ts";
import { compilePattern, parseTagPattern } from "./pattern.ts";

/** Patterns that a rule may list, each for tags and for those left out. */
export const tagPatternsMax = 50;

/** Which tags a rule protects. */
export interface TagRulePatterns {
  /** Of repository names, project included. */
  readonly pattern: string;
  /** One of these must fit the tag, */
  readonly tags: readonly string[];
  /** and none of these. */
  readonly exceptTags: readonly string[];
}

type TagRuleMatcher = (repository: string, tag: string) => boolean;

/** Rules by their text, so that nothing has to be forgotten when one changes. */
const compiledRules = new LRUCache<string, TagRuleMatcher>({ max: 1_000 });

/** Throws a 400 for a pattern that is none, and for too many. Compiles equal rules once. */
export function compileTagRule(rule: TagRulePatterns): TagRuleMatcher {
  const key = JSON.stringify([rule.pattern, rule.tags, rule.exceptTags]);
  let matcher = compiledRules.get(key);
  if (matcher === undefined) {
    matcher = build(rule);
    compiledRules.set(key, matcher);
  }
  return matcher;
}

function build({ pattern, tags, exceptTags }: TagRulePatterns): TagRuleMatcher {
  assertCount("tags", tags, 1);
  assertCount("except_tags", exceptTags, 0);
  const ofRepository = compilePattern(pattern);
  const wanted = tags.map(parseTagPattern).map(compilePattern);
  const leftOut = exceptTags.map(parseTagPattern).map(compilePattern);
  return (repository, tag) =>
    ofRepository(repository) &&
    wanted.some((fits) => fits(tag)) &&
    !leftOut.some((fits) => fits(tag));
}

function assertCount(field: string, patterns: readonly string[], min: number): void {
  if (patterns.length >= min && patterns.length <= tagPatternsMax) return;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `${field} has ${patterns.length} patterns: a rule takes from ${min} to ${tagPatternsMax}`,
    detail: { field, patterns: patterns.length, min, max: tagPatternsMax },
  });
}

/** The rule as people write it: `"v*", "release-*" except "v*-dev"`. */
export function formatTagRule({ tags, exceptTags }: TagRulePatterns): string {
  const quoted = (patterns: readonly string[]) => {
    const named = patterns.slice(0, 3).map((pattern) => JSON.stringify(pattern));
    return named.join(", ") + (patterns.length > 3 ? ` and ${patterns.length - 3} more` : "");
  };
  return exceptTags.length === 0 ? quoted(tags) : `${quoted(tags)} except ${quoted(exceptTags)}`;
}
