import type { Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import type { AuditActor } from "../audit/audit.ts";
import { bumpAccessVersion } from "../auth/access-version-store.ts";
import {
  countAdministrators,
  endEverythingIssued,
  findPrincipal,
  updatePrincipal,
} from "../auth/principal-store.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { IdentityRow, PrincipalRow, ProviderRow } from "../db/tables.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { directoryOf, showsPeople } from "./directory.ts";
import { listGroupRules } from "./group-rule-store.ts";
import {
  findIdentity,
  goneButEnabled,
  listIdentitiesOf,
  listWaysIn,
  setGone,
} from "./identity-store.ts";
import { bringBack, groupChanges, isUnchanged, putIntoGroups, wordsOf } from "./join-account.ts";
import { bindAsBerth, DirectoryError, GroupsError, withDirectory } from "./ldap-connection.ts";
import { allGroups, findBySubjects, showsAnybody } from "./ldap-people.ts";
import { enabledIssuers, issuerOf, noteSync } from "./provider-store.ts";

const limits = { msMax: 30 * 60_000, bytesMax: 1024 * 1024 * 1024 };
const pageRows = 1_000;
/** Who may leave between two comparisons that nobody looks at; and so large a part of all may, if that is more. */
const leaversMax = 10;
const leaversPartMax = 0.2;
/** People whom one sentence names. */
const namedMax = 10;

/** Names of accounts. */
export interface Synced {
  readonly people: number;
  readonly left: string[];
  readonly kept: string[];
  readonly returned: string[];
  readonly regrouped: string[];
  /** Whose groups cannot be read to the end: nothing of theirs changes. */
  readonly unclear: string[];
}

type SyncDeps = Pick<Management, "db" | "clock" | "audit" | "secrets"> & {
  readonly access: Pick<Management["access"], "changed">;
};

interface SyncCall {
  readonly actor: AuditActor;
  readonly preview: boolean;
  /** Whether somebody asked for it: then it goes on however many seem to have left. */
  readonly isAskedFor: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Compares the accounts of a directory's people with the directory. It is asked for all of them before
 * anything is changed: one that is away, hangs or hides people takes nobody's account. Who left is
 * disabled, and out of the groups that the rules name; who is there again comes back, unless an administrator
 * said otherwise meanwhile. Whose groups cannot be read to the end stay as they are. Throws UNAVAILABLE where
 * nothing could be learned, and 409 where nobody can be looked up.
 */
export async function syncDirectory(
  deps: SyncDeps,
  provider: ProviderRow,
  call: SyncCall,
): Promise<Synced> {
  if (!showsPeople(directoryOf(deps.secrets, provider))) {
    throw conflict(`without bind_dn nobody of ${provider.name} can be looked up`);
  }
  try {
    const { synced, trouble } = await compare(deps, provider, call);
    await note(deps, provider, call, trouble);
    return synced;
  } catch (error) {
    // Where that fails too, it is the first failure that counts.
    await note(deps, provider, call, troubleOf(error)).catch(() => {});
    if (!(error instanceof DirectoryError)) throw error;
    throw new RegistryError("UNAVAILABLE", {
      message: `${error.message}: nothing was changed`,
      headers: { "retry-after": "60" },
    });
  }
}

async function note(
  { db, clock }: SyncDeps,
  { id }: ProviderRow,
  { preview, signal }: SyncCall,
  trouble: string | null,
): Promise<void> {
  if (preview || signal?.aborted === true) return;
  await db.transaction((tx) => noteSync(tx, id, { at: clock.now(), trouble }));
}

function troubleOf(error: unknown): string {
  if (error instanceof DirectoryError || error instanceof RegistryError) return error.message;
  return "it failed here: the log says why";
}

async function compare(
  deps: SyncDeps,
  provider: ProviderRow,
  call: SyncCall,
): Promise<{ synced: Synced; trouble: string | null }> {
  const identities = await allIdentities(deps, provider);
  const found = await groupsOfPeople(deps, provider, identities, call.signal);
  const people: Person[] = [];
  for (const identity of identities) {
    if (call.signal?.aborted) break;
    const person = await personOf(deps.db.reads, identity, found);
    if (person !== null) people.push(person);
  }
  if (!call.isAskedFor) assertCredible(people);
  const synced: Synced = {
    people: identities.length,
    left: [],
    kept: [],
    returned: [],
    regrouped: [],
    unclear: people.filter(({ kind }) => kind === "unclear").map(({ row }) => row.name),
  };
  for (const person of people) {
    if (call.signal?.aborted) break;
    if (person.kind === "left") await leave(deps, provider, person, call, synced);
    if (person.kind === "there") await stay(deps, provider, person, call, synced);
  }
  const unclear = people.find(({ kind }) => kind === "unclear");
  return { synced, trouble: unclear?.kind === "unclear" ? unclearWords(synced, unclear) : null };
}

function unclearWords({ unclear }: Synced, { why }: PersonUnclear): string {
  const more = unclear.length > namedMax ? ` and ${unclear.length - namedMax} more` : "";
  return `nothing changed for ${unclear.slice(0, namedMax).join(", ")}${more}: ${why}`;
}

async function allIdentities({ db }: SyncDeps, provider: ProviderRow): Promise<IdentityRow[]> {
  const all: IdentityRow[] = [];
  for (let after = ""; ; ) {
    const page = { after, limit: pageRows };
    const rows = await listIdentitiesOf(db.reads, issuerOf(provider), page);
    all.push(...rows);
    if (rows.length < pageRows) return all;
    after = rows.at(-1)?.id ?? "";
  }
}

/** Null where the directory is not asked, or no rule asks. */
type Groups = readonly string[] | null | GroupsError;

/** Of each of them who is in the directory. */
async function groupsOfPeople(
  { db, secrets }: SyncDeps,
  provider: ProviderRow,
  identities: readonly IdentityRow[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Groups>> {
  const directory = directoryOf(secrets, provider);
  const rules = await listGroupRules(db.reads, provider.id, { after: "", limit: 1 });
  const found = new Map<string, Groups>();
  if (identities.length === 0) return found;
  await withDirectory(directory, limits, async (client) => {
    await bindAsBerth(client, directory);
    if (!(await showsAnybody(client, directory))) {
      throw new DirectoryError(`it shows nobody below ${directory.base}`);
    }
    const outer = new Map<string, readonly string[]>();
    for (let at = 0; at < identities.length && !signal?.aborted; at += pageRows) {
      const subjects = identities.slice(at, at + pageRows).map(({ subject }) => subject);
      for (const person of await findBySubjects(client, directory, subjects)) {
        const groups =
          rules.length === 0
            ? null
            : await allGroups(client, directory, person, outer).catch(asGroupsError);
        found.set(person.subject, groups);
      }
    }
  });
  return found;
}

function asGroupsError(error: unknown): GroupsError {
  if (error instanceof GroupsError) return error;
  throw error;
}

interface Known {
  readonly identity: IdentityRow;
  readonly row: PrincipalRow;
}

type Person = PersonThere | PersonUnclear | PersonGone;
type PersonThere = Known & { readonly kind: "there"; readonly groups: readonly string[] | null };
type PersonUnclear = Known & { readonly kind: "unclear"; readonly why: string };
type PersonGone = Known & { readonly kind: "left"; readonly fate: Fate };

/** What becomes of the account of somebody who is not in the directory. */
type Fate =
  | "disabled now"
  | "disabled already"
  | "enabled by an administrator"
  | "another way to sign in"
  | "last administrator";

const fatesKept: ReadonlySet<Fate> = new Set([
  "enabled by an administrator",
  "another way to sign in",
  "last administrator",
]);

/** Null for whose account is deleted. */
async function personOf(
  reads: Reads,
  identity: IdentityRow,
  found: ReadonlyMap<string, Groups>,
): Promise<Person | null> {
  const row = await findPrincipal(reads, identity.principal_id);
  if (row === null || row.state === "deleted") return null;
  const groups = found.get(identity.subject);
  if (groups instanceof GroupsError) return { kind: "unclear", identity, row, why: groups.message };
  if (groups !== undefined) return { kind: "there", identity, row, groups };
  return { kind: "left", identity, row, fate: await fateOf(reads, identity, row) };
}

async function fateOf(reads: Reads, identity: IdentityRow, row: PrincipalRow): Promise<Fate> {
  // What an administrator disabled is theirs, and no directory brings it back.
  if (row.state !== "active") return "disabled already";
  if (identity.gone_at === goneButEnabled) return "enabled by an administrator";
  if (row.password_hash !== null || (await signsInElsewhere(reads, identity))) {
    return "another way to sign in";
  }
  const isLast = row.administrator === 1 && (await countAdministrators(reads, 2)) < 2;
  return isLast ? "last administrator" : "disabled now";
}

/** Providers keep whom they named when they are disabled, and most when they are deleted. */
async function signsInElsewhere(reads: Reads, { id, principal_id }: IdentityRow): Promise<boolean> {
  const others = (await listWaysIn(reads, principal_id)).filter(
    (other) => other.id !== id && other.gone_at === null,
  );
  if (others.length === 0) return false;
  const issuers = await enabledIssuers(reads);
  return others.some(({ issuer }) => issuers.has(issuer));
}

/** Whether something ends for somebody that had not ended before. */
function isNews(fate: Fate, { gone_at }: IdentityRow): boolean {
  return fate === "disabled now" || (fate === "another way to sign in" && gone_at === null);
}

/** Throws DirectoryError where it is likelier that the directory shows too little than that all these left. */
function assertCredible(people: readonly Person[]): void {
  const leavers = people.filter((one) => one.kind === "left" && isNews(one.fate, one.identity));
  const known = people.filter(({ identity }) => identity.gone_at === null).length;
  const isAnybodyThere = people.some(({ kind }) => kind !== "left");
  const most = Math.max(leaversMax, known * leaversPartMax);
  if (leavers.length === 0 || (isAnybodyThere && leavers.length <= most)) return;
  throw new DirectoryError(
    `it no longer shows ${leavers.length} of ${known} people: if they have left, say so by berth provider sync`,
  );
}

async function stay(
  deps: SyncDeps,
  provider: ProviderRow,
  { identity, row, groups }: PersonThere,
  call: SyncCall,
  synced: Synced,
): Promise<void> {
  const isBack = identity.gone_at !== null;
  const changes = await groupChanges(deps.db.reads, provider, groups, row.id);
  if (isBack) synced.returned.push(row.name);
  if (changes.length > 0) synced.regrouped.push(row.name);
  if (call.preview || (!isBack && changes.length === 0)) return;
  await record(deps, provider, call.actor, row, async (tx) => {
    const isBackNow = isBack && (await bringBack(tx, identity));
    const changed = await putIntoGroups(tx, provider, groups, row.id);
    if (!isBackNow && changed.length === 0) return null;
    return {
      action: isBackNow ? "user.changed" : "user.groups_changed",
      detail: { ...(isBackNow ? { disabled: false } : {}), ...wordsOf(changed) },
    };
  });
}

async function leave(
  deps: SyncDeps,
  provider: ProviderRow,
  { identity, row, fate: expected }: PersonGone,
  call: SyncCall,
  synced: Synced,
): Promise<void> {
  const groups = provider.groups_claim === null ? null : [];
  const changes = await groupChanges(deps.db.reads, provider, groups, row.id);
  let fate = expected;
  if (!call.preview && (isNews(fate, identity) || changes.length > 0)) {
    await record(deps, provider, call.actor, row, async (tx) => {
      const now = await findPrincipal(tx, row.id);
      // An administrator may have said something meanwhile: then it is for the next comparison.
      if (now === null || !(await isStill(tx, identity))) return null;
      fate = await fateOf(tx, identity, now);
      const changed = await putIntoGroups(tx, provider, groups, row.id);
      if (isNews(fate, identity)) {
        await setGone(tx, identity.id, deps.clock.now());
        await endEverythingIssued(tx, row.id);
      }
      const disables = fate === "disabled now";
      if (disables) await updatePrincipal(tx, row.id, { state: "disabled" });
      return {
        action: disables ? "user.disabled" : "user.groups_changed",
        detail: {
          left: true,
          ...(fatesKept.has(fate) ? { kept: fate } : {}),
          ...wordsOf(changed),
        },
      };
    });
  }
  synced.left.push(row.name);
  if (fatesKept.has(fate)) synced.kept.push(row.name);
}

async function isStill(tx: Tx, identity: IdentityRow): Promise<boolean> {
  const now = await findIdentity(tx, identity);
  return now?.id === identity.id && now.gone_at === identity.gone_at;
}

/** Rows, audit line and the news for caches, together. */
async function record(
  deps: SyncDeps,
  provider: ProviderRow,
  actor: AuditActor,
  { name }: PrincipalRow,
  body: (tx: Tx) => Promise<{ action: string; detail: Readonly<Record<string, unknown>> } | null>,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    if (!(await isUnchanged(tx, provider))) {
      throw conflict(`${provider.name} was changed while it was compared: compare it again`);
    }
    const done = await body(tx);
    if (done === null) return;
    await bumpAccessVersion(tx);
    deps.audit.append(tx, {
      actor,
      action: done.action,
      resource: `user ${name}`,
      projectId: null,
      result: "done",
      detail: { provider: provider.name, ...done.detail },
    });
  });
  deps.access.changed();
}
