import type { Action, Decision, Resource } from "../access/authorize.ts";
import { asListing } from "../access/scope.ts";
import type { AuditActor } from "../audit/audit.ts";
import { auditActor, type Principal } from "../auth/principal.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Past } from "../oci/past-name.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { RequestContext } from "../platform/http/request-context.ts";
import type { Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import { type Gate, refusal, tokenTooNarrow, withChallenge } from "./gate.ts";
import type { Registry } from "./registry.ts";
import type { Route } from "./routes.ts";

/** A request whose path was read: what it is about, by which route. */
export interface Asked {
  readonly route: Route;
  readonly action: Action;
  readonly name: RepositoryName | null;
  readonly past: Past | null;
  readonly last: string;
}

export function resourceOf({ name }: Asked): Resource {
  return name === null ? { kind: "registry" } : { kind: "repository", name };
}

/** A request that may go on, and whoever makes it. */
export class GrantedCall implements Call, Caller {
  readonly projectId: Caller["projectId"];
  readonly principal: Principal;
  private readonly registry: Registry;
  private readonly gate: Gate;
  private readonly context: RequestContext;
  private readonly asked: Asked;

  constructor(
    registry: Registry,
    gate: Gate,
    context: RequestContext,
    asked: Asked,
    principal: Principal,
    projectId: Caller["projectId"],
  ) {
    this.registry = registry;
    this.gate = gate;
    this.context = context;
    this.asked = asked;
    this.principal = principal;
    this.projectId = projectId;
  }

  get caller(): Caller {
    return this;
  }

  get request(): Request {
    return this.context.request;
  }

  get method(): string {
    return this.context.request.method;
  }

  get name(): RepositoryName | null {
    return this.asked.name;
  }

  get past(): Past | null {
    return this.asked.past;
  }

  get last(): string {
    return this.asked.last;
  }

  get query(): string {
    return this.context.query;
  }

  get client(): string {
    return this.context.client;
  }

  get actor(): AuditActor {
    return auditActor(this.principal, this.context.client);
  }

  async stillMay(): Promise<void> {
    const { gate, context, asked } = this;
    const { action, name } = asked;
    try {
      const header = context.request.headers.get("authorization");
      const principal = await gate.identify(header, context.from);
      const decision = await this.decide(principal, action, resourceOf(asked));
      if (!decision.allowed) throw refusal(gate, context, { principal, action, name }, decision);
    } catch (error) {
      throw withChallenge(gate, context, asked, error);
    }
  }

  countPull(): MaybePromise<Record<string, string> | null> {
    return this.gate.limit("pulls", this.principal, this.context.from);
  }

  pullsLeft(): MaybePromise<Record<string, string> | null> {
    return this.gate.pullsLeft(this.principal, this.context.from);
  }

  mayPull(name: RepositoryName): Promise<boolean> {
    return this.mayRead(this.principal, name);
  }

  mayList(name: RepositoryName): Promise<boolean> {
    return this.mayRead(asListing(this.principal), name);
  }

  async mayPullGone(name: RepositoryName): Promise<boolean> {
    const gone = { kind: "repository", name, gone: true } as const;
    return (await this.decide(this.principal, "repository:pull", gone)).allowed;
  }

  async assertTokenReaches(name: RepositoryName): Promise<void> {
    const decision = await this.decideRead(this.principal, name);
    if (decision.allowed || !decision.scopeIsShort) return;
    throw tokenTooNarrow(this.gate, this.context, this.asked.name, name);
  }

  async assertMayWriteTag(action: Action, name: RepositoryName, tag: Tag | null): Promise<void> {
    const decision = await this.decide(this.principal, action, { kind: "repository", name, tag });
    if (decision.allowed) return;
    throw new RegistryError("DENIED", {
      message: decision.reason,
      detail: { repository: name, tag, action },
    });
  }

  private async mayRead(asker: Principal, name: RepositoryName): Promise<boolean> {
    return (await this.decideRead(asker, name)).allowed;
  }

  private decideRead(asker: Principal, name: RepositoryName): MaybePromise<Decision> {
    return this.decide(asker, "repository:pull", { kind: "repository", name });
  }

  private decide(asker: Principal, action: Action, what: Resource): MaybePromise<Decision> {
    return this.registry.access.decide(asker, action, what, this.context.from);
  }
}
