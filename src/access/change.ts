import { bumpAccessVersion } from "../auth/access-version-store.ts";
import { auditActor } from "../auth/principal.ts";
import type { Tx } from "../db/database.ts";
import type { ApiCall, Management } from "./endpoint.ts";

/** What a change is made with. */
export type ChangeDeps = Pick<Management, "db" | "audit"> & {
  readonly access: Pick<Management["access"], "changed">;
};

/** The line of the audit that tells of a change; see `AuditEntry`. */
export interface ChangeEntry {
  /** `noun.verb`: `user.created`. */
  readonly action: string;
  /** What was changed, as people write it: `project team`, `team/app:v1`. */
  readonly resource: string;
  readonly projectId?: string | null;
  /** Never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * Makes a change that the management API asked for: rows, audit line, the answer for whoever repeats
 * the request, and the news for caches of rights commit together. `body` awaits nothing but SQL; what
 * it returns is the answer of the handler. The entry may depend on that: it is made after `body`.
 */
export async function change<T>(
  deps: ChangeDeps,
  call: Pick<ApiCall, "principal" | "address" | "remember">,
  entry: ChangeEntry | ((result: T) => ChangeEntry),
  body: (tx: Tx) => Promise<T>,
): Promise<T> {
  const result = await deps.db.transaction(async (tx) => {
    const made = await body(tx);
    const { action, resource, projectId, detail } =
      typeof entry === "function" ? entry(made) : entry;
    await bumpAccessVersion(tx);
    deps.audit.append(tx, {
      actor: auditActor(call.principal, call.address),
      action,
      resource,
      projectId: projectId ?? null,
      result: "done",
      detail: detail ?? {},
    });
    await call.remember?.(tx, made);
    return made;
  });
  deps.access.changed();
  return result;
}
