import type { Action } from "../access/authorize.ts";
import type { AuditActor } from "../audit/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";

/** On whose behalf an operation runs, and what was decided about it. */
export interface Caller {
  readonly principal: Principal;
  /** What records say of them. */
  readonly actor: AuditActor;
  /**
   * The project that authorization judged: null where there was none, which the caller may create;
   * undefined where it does not matter (open mode). A transaction that finds another one stops.
   */
  readonly projectId: string | null | undefined;
  mayPull(repository: RepositoryName): Promise<boolean>;
  /**
   * Throws UNAUTHORIZED, which names the token to bring, where nothing but the registry token that came
   * keeps them from pulling there: with another one of the same credential they could.
   */
  assertTokenReaches(repository: RepositoryName): Promise<void>;
  /** Whether they may see one of this name that was deleted: whatever the name stands for now. */
  mayPullGone(repository: RepositoryName): Promise<boolean>;
  /** Whether the repository is shown where repositories are listed. */
  mayList(repository: RepositoryName): Promise<boolean>;
  /** Throws DENIED where the rights end before this tag; null: before what any tag may point to. */
  assertMayWriteTag(action: Action, repository: RepositoryName, tag: Tag | null): Promise<void>;
}
