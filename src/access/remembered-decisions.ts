import { isKnown, type Principal } from "../auth/principal.ts";
import type { Action, Decision, Resource } from "./authorize.ts";
import { scopesOf } from "./scope.ts";

/** Decisions that are remembered; with one more all are forgotten. One takes some 500 bytes. */
const decisionsMax = 20_000;

export interface RememberedDecision {
  readonly decision: Decision;
  /** Epoch milliseconds at which a grant ends that may have played a part; null for never. */
  readonly until: number | null;
  /** Whether another tag of the repository may be decided otherwise. */
  readonly dependsOnTag: boolean;
}

type Repository = Extract<Resource, { kind: "repository" }>;

/** What was decided about repositories, until somebody says that it holds no more. */
export interface RememberedDecisions {
  get(principal: Principal, action: Action, repository: Repository): RememberedDecision | undefined;
  set(
    principal: Principal,
    action: Action,
    repository: Repository,
    decided: RememberedDecision,
  ): void;
  forget(): void;
}

/** Of one asker: by repository, and by tag where it matters, then by action. */
type Memory = Map<string, Partial<Record<Action, RememberedDecision>>>;

/**
 * Found by the asker, who is the same object from request to request, then by name. To look it up by
 * one text that joins both would cost each request twice as much.
 */
export function createRememberedDecisions(): RememberedDecisions {
  let byObject = new WeakMap<Principal, Memory>();
  let byText = new Map<string, Memory>();
  let size = 0;

  /** Askers that mean the same share what they remember: the authenticator makes new ones now and then. */
  function memoryOf(principal: Principal): Memory | undefined {
    let memory = byObject.get(principal);
    if (memory !== undefined) return memory;
    memory = byText.get(textOf(principal));
    if (memory !== undefined) byObject.set(principal, memory);
    return memory;
  }

  function makeMemory(principal: Principal): Memory {
    const memory: Memory = new Map();
    byText.set(textOf(principal), memory);
    byObject.set(principal, memory);
    return memory;
  }

  function forget(): void {
    byObject = new WeakMap();
    byText = new Map();
    size = 0;
  }

  return {
    get(principal, action, repository) {
      const memory = memoryOf(principal);
      if (memory === undefined) return undefined;
      const found = memory.get(repository.name)?.[action];
      if (repository.tag === undefined || found?.dependsOnTag === false) return found;
      return memory.get(keyOf(repository, true))?.[action];
    },
    set(principal, action, repository, decided) {
      const key = keyOf(repository, decided.dependsOnTag);
      if (memoryOf(principal)?.get(key)?.[action] === undefined) {
        if (size >= decisionsMax) forget();
        size += 1;
      }
      const memory = memoryOf(principal) ?? makeMemory(principal);
      memory.set(key, { ...memory.get(key), [action]: decided });
    },
    forget,
  };
}

/** No name holds a colon or an at sign. */
function keyOf({ name, tag }: Repository, dependsOnTag: boolean): string {
  if (tag === undefined || !dependsOnTag) return name;
  return tag === null ? `${name}@` : `${name}:${tag}`;
}

/** All that a decision on a repository depends on besides rights, facts, time and address. */
function textOf(principal: Principal): string {
  const { own, token } = scopesOf(principal);
  if (!isKnown(principal)) return JSON.stringify([principal.kind, own, token]);
  const { kind, id, administrator } = principal;
  return JSON.stringify([kind, id, administrator, own, token]);
}
