import { conflict } from "../access/unknown.ts";
import { findPrincipalByName, robotPrefix, wasNameUsed } from "../auth/principal-store.ts";
import { workloadName } from "../auth/workloads.ts";
import type { Reads } from "../db/database.ts";
import type { Brand } from "../lib/brand.ts";
import { excerpt, RegistryError } from "../oci/registry-error.ts";
import {
  type ProjectName,
  parseRepositoryName,
  refuseReservedName,
} from "../oci/repository-name.ts";

/** What a user signs in with. Also the name of a project: theirs. */
export type UserName = Brand<string, "UserName">;

/** The name of a robot within its project, or within the registry. */
export type RobotShortName = Brand<string, "RobotShortName">;

/** Characters. */
const nameLengthMax = 64;

/** Signing in with a token, clients give these where a name must stand. */
const namesOfTokens: ReadonlySet<string> = new Set(["token", "oauth2accesstoken", workloadName]);

/** Throws NAME_INVALID, which names the rule. */
export function parseUserName(text: string): UserName {
  parseComponent(text);
  if (text.startsWith(robotPrefix)) throw invalid(text, `"${robotPrefix}" begins names of robots`);
  if (namesOfTokens.has(text)) throw invalid(text, "it stands for signing in with a token");
  return text as UserName;
}

/** Throws NAME_INVALID, which names the rule. */
export function parseRobotShortName(text: string): RobotShortName {
  parseComponent(text);
  if (text.includes(".")) throw invalid(text, 'a robot\'s name holds no "."');
  return text as RobotShortName;
}

/** What a robot signs in with. A short name has no dot, so that no two robots share one. */
export function robotNameOf(project: ProjectName | null, name: RobotShortName): string {
  return project === null ? `${robotPrefix}${name}` : `${robotPrefix}${project}.${name}`;
}

/**
 * Throws 409 when somebody has the name, or had it before and it was not asked for all the same:
 * grants and records elsewhere may still mean the one who is gone.
 */
export async function assertNameIsFree(
  reads: Reads,
  name: string,
  { reuseName }: { reuseName: boolean },
): Promise<void> {
  const kind = name.startsWith(robotPrefix) ? "robot" : "user";
  if ((await findPrincipalByName(reads, name)) !== null) {
    throw conflict(`there is a ${kind} ${name} already`);
  }
  if (!reuseName && (await wasNameUsed(reads, name))) {
    throw conflict(`there was a ${kind} ${name} before: reuse_name gives the name to another one`);
  }
}

function parseComponent(text: string): void {
  if (text.length > nameLengthMax) {
    throw invalid(text, `must be at most ${nameLengthMax} characters long, not ${text.length}`);
  }
  if (text.includes("/")) throw invalid(text, 'must hold no "/"');
  try {
    refuseReservedName(parseRepositoryName(text));
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw invalid(text, ruleOf(error));
  }
}

/** The rule that a name of a repository broke, which is the end of the sentence. */
function ruleOf({ message }: RegistryError): string {
  return message.slice(message.indexOf('": ') + '": '.length);
}

function invalid(text: string, rule: string): RegistryError {
  return new RegistryError("NAME_INVALID", {
    message: `invalid name ${JSON.stringify(excerpt(text))}: ${rule}`,
    detail: { name: excerpt(text) },
  });
}
