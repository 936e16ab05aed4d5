import type { AuditActor } from "../audit/audit.ts";

/** Who makes a request. */
export type Principal = Anonymous | KnownPrincipal | Operator;

export interface Anonymous {
  readonly kind: "anonymous";
  /** What the registry token that came along lets through; null for a request without one. */
  readonly scope: Scope | null;
}

/** A user or a robot that proved who it is. Names and ids as of now: deleted ones are never known. */
export interface KnownPrincipal {
  readonly kind: "user" | "robot";
  readonly id: string;
  readonly name: string;
  /** See `PrincipalRow.generation`. */
  readonly generation: number;
  readonly administrator: boolean;
  /** The token, secret or session that it came with; null for a password. */
  readonly credentialId: string | null;
  readonly credentialKind: "password" | "token" | "secret" | "session" | "workload";
  /** Whom the identity token named that signed in as this robot. */
  readonly workload?: Workload;
  /** What the credential lets through of what the principal may do; null for all of it. */
  readonly scope: Scope | null;
  /** What of that the registry token lets through, where one came; another may let through more. */
  readonly token?: Scope;
}

/** A job or program that has no secret of its own: an issuer vouches for it. */
export interface Workload {
  /** Of its credential, which stays when what was issued to it has ended. */
  readonly id: string;
  readonly subject: string;
}

/** Whoever may open the control socket in the data folder: they could read and change the files as well. */
export interface Operator {
  readonly kind: "operator";
}

/** A credential can only narrow what its holder may do: each entry is checked beside their rights. */
export type Scope = readonly ScopeEntry[];

export interface ScopeEntry {
  /** Of repository names, as in a grant; a registry token's is one name. `*` is what is not a repository. */
  readonly pattern: string;
  readonly actions: readonly string[];
  /** Only in registry tokens: what the name meant when the token was issued. */
  readonly issuedFor?: IssuedFor;
}

/** Null where there was no such project or repository yet: then only what its holder made since is meant. */
export interface IssuedFor {
  readonly projectId: string | null;
  readonly repositoryId: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

export const anonymous: Anonymous = { kind: "anonymous", scope: null };
export const operator: Operator = { kind: "operator" };

export function isKnown(principal: Principal): principal is KnownPrincipal {
  return principal.kind === "user" || principal.kind === "robot";
}

/** Never a robot, whatever its row says. */
export function isAdministrator(principal: Principal): boolean {
  return principal.kind === "user" && principal.administrator;
}

/** What rows that name an actor carry: null for an anonymous one and for the operator. */
export function actorOf(principal: Principal): string | null {
  return isKnown(principal) ? principal.id : null;
}

/** What a line of the audit says of them. */
export function auditActor(principal: Principal, address: string): AuditActor {
  const credentialId = isKnown(principal) ? principal.credentialId : null;
  return { id: actorOf(principal), name: actorName(principal), credentialId, address };
}

/** What records call them: a name that no user or robot can have stands for who has none. */
export function actorName(principal: Principal): string {
  switch (principal.kind) {
    case "user":
    case "robot":
      return principal.workload === undefined
        ? principal.name
        : `${principal.name} (${principal.workload.subject})`;
    case "anonymous":
      return "(anonymous)";
    case "operator":
      return "(operator)";
  }
}
