import { type ChangeDeps, change } from "../access/change.ts";
import type { ApiCall } from "../access/endpoint.ts";
import { addGroupMember, listGroupsOf, removeGroupMember } from "../access/group-store.ts";
import { fitsGlob } from "../auth/claims.ts";
import { findPrincipal, updatePrincipal } from "../auth/principal-store.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { IdentityRow, PrincipalRow, ProviderRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { randomHex } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseUserName, type UserName } from "./account-name.ts";
import { createUser } from "./create-user.ts";
import { groupRulesMax, listGroupRules } from "./group-rule-store.ts";
import { findIdentity, insertIdentity, setThere } from "./identity-store.ts";
import { findProvider, issuerOf } from "./provider-store.ts";

/** Names that are tried with a number behind them, before chance makes one. */
const numbersMax = 9;
/** Characters of a name, which leave room for what is put behind it. */
const nameLengthMax = 48;

/** Whom a provider named, as far as it is believed. */
export interface PersonAtProvider {
  readonly subject: string;
  /** What they would like to be called; null where nothing says so. */
  readonly name: string | null;
  /** Only where the provider says that it is theirs. It finds nobody: that is what `subject` is for. */
  readonly email: string | null;
  /** Null where the provider is not asked for groups. */
  readonly groups: readonly string[] | null;
}

export type JoinDeps = ChangeDeps & { readonly clock: Clock };

/** On whose behalf: nobody is known yet. */
export type JoinCall = Pick<ApiCall, "principal" | "address" | "remember">;

/**
 * The account of somebody whom a provider named, with the groups that follow from what it said now: they are
 * put into these, and taken out of the others that its rules name. Who comes for the first time gets an
 * account under a name that nobody has or had, whatever it is called here or there. Throws DENIED where
 * accounts are not made for who comes, and where the provider was changed or removed since it was read: it
 * may have taken seconds to answer.
 */
export async function joinAccount(
  deps: JoinDeps,
  call: JoinCall,
  provider: ProviderRow,
  person: PersonAtProvider,
): Promise<PrincipalRow> {
  const { db } = deps;
  await assertUnchanged(db.reads, provider);
  const found = await findAccount(db.reads, provider, person);
  if (found === null) return await makeAccount(deps, call, provider, person);
  const { row, identity } = found;
  if (identity.gone_at !== null) {
    const entry = (isBack: boolean) => ({
      action: "user.changed",
      resource: `user ${row.name}`,
      detail: { provider: provider.name, ...(isBack ? { disabled: false } : {}) },
    });
    await change(deps, call, entry, async (tx) => {
      await assertUnchanged(tx, provider);
      return await bringBack(tx, identity);
    });
  }
  if ((await groupChanges(db.reads, provider, person.groups, row.id)).length > 0) {
    const entry = (changed: readonly GroupChange[]) => ({
      action: "user.groups_changed",
      resource: `user ${row.name}`,
      detail: { provider: provider.name, ...wordsOf(changed) },
    });
    await change(deps, call, entry, async (tx) => {
      await assertUnchanged(tx, provider);
      return await putIntoGroups(tx, provider, person.groups, row.id);
    });
  }
  return row;
}

/**
 * Who had left a directory is in it again: their account is as it was. False where they came back already, or
 * an administrator disabled the account since.
 */
export async function bringBack(tx: Tx, identity: IdentityRow): Promise<boolean> {
  if (!(await setThere(tx, identity))) return false;
  await updatePrincipal(tx, identity.principal_id, { state: "active" });
  return true;
}

/** Whether the provider is as it was read. */
export async function isUnchanged(reads: Reads, provider: ProviderRow): Promise<boolean> {
  const now = await findProvider(reads, provider.name);
  return now?.id === provider.id && now.version === provider.version;
}

/** Throws DENIED where the provider was changed or removed since it was read. */
async function assertUnchanged(reads: Reads, provider: ProviderRow): Promise<void> {
  if (await isUnchanged(reads, provider)) return;
  throw new RegistryError("DENIED", {
    message: `${provider.title} was changed while you signed in: begin again`,
  });
}

async function findAccount(
  reads: Reads,
  provider: ProviderRow,
  { subject }: PersonAtProvider,
): Promise<{ readonly row: PrincipalRow; readonly identity: IdentityRow } | null> {
  const identity = await findIdentity(reads, { issuer: issuerOf(provider), subject });
  const row = identity === null ? null : await findPrincipal(reads, identity.principal_id);
  return identity === null || row === null ? null : { row, identity };
}

async function makeAccount(
  deps: JoinDeps,
  call: JoinCall,
  provider: ProviderRow,
  person: PersonAtProvider,
): Promise<PrincipalRow> {
  if (provider.makes_accounts !== 1) {
    throw new RegistryError("DENIED", {
      message: `${provider.title} knows you, but there is no account of yours here: ask an administrator`,
    });
  }
  const now = deps.clock.now();
  const made = await change<{ row: PrincipalRow; changed: readonly GroupChange[] }>(
    deps,
    call,
    ({ row, changed }) => ({
      action: "user.created",
      resource: `user ${row.name}`,
      detail: { provider: provider.name, subject: person.subject, ...wordsOf(changed) },
    }),
    async (tx) => {
      await assertUnchanged(tx, provider);
      // Of two that come at once one has made it.
      const there = await findAccount(tx, provider, person);
      const row = there?.row ?? (await createFreeUser(tx, person, now));
      if (there === null) {
        const issuer = issuerOf(provider);
        const identity = { issuer, subject: person.subject, principalId: row.id };
        await insertIdentity(tx, { ...identity, now, createdBy: row.id });
      }
      return { row, changed: await putIntoGroups(tx, provider, person.groups, row.id) };
    },
  );
  return made.row;
}

/** Nobody comes by an account that is there: a name that is taken gets something behind it. */
async function createFreeUser(
  tx: Tx,
  { name, email }: PersonAtProvider,
  now: number,
): Promise<PrincipalRow> {
  const wanted = userNameOf(name);
  const numbered = Array.from({ length: numbersMax - 1 }, (_, at) => `${wanted}-${at + 2}`);
  for (const candidate of [wanted, ...numbered]) {
    try {
      return await createNamed(tx, candidate as UserName, email, now);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 409) throw error;
    }
  }
  return await createNamed(tx, `${wanted}-${randomHex(4)}` as UserName, email, now);
}

function createNamed(tx: Tx, name: UserName, email: string | null, now: number) {
  const user = {
    name,
    email,
    description: "",
    administrator: false,
    passwordHash: null,
    cidrs: [],
    createdBy: null,
    reuseName: false,
    adoptProject: false,
  };
  return createUser(tx, user, now);
}

/** What comes nearest to a text, as a name that a user may have. */
function userNameOf(text: string | null): UserName {
  const plain = (text ?? "")
    .split("@", 1)
    .join("")
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, nameLengthMax)
    .replace(/^-+|-+$/g, "");
  try {
    return parseUserName(plain);
  } catch {
    return parseUserName(plain === "" ? "user" : `user-${plain}`);
  }
}

export interface GroupChange {
  readonly id: string;
  readonly name: string;
  readonly kind: "added" | "removed";
}

/** `groups`: what the provider says; null where it is not asked. */
export async function putIntoGroups(
  tx: Tx,
  provider: ProviderRow,
  groups: PersonAtProvider["groups"],
  principalId: string,
): Promise<readonly GroupChange[]> {
  const changes = await groupChanges(tx, provider, groups, principalId);
  for (const { id, kind } of changes) {
    if (kind === "added") await addGroupMember(tx, id, principalId);
    else await removeGroupMember(tx, id, principalId);
  }
  return changes;
}

export async function groupChanges(
  reads: Reads,
  provider: ProviderRow,
  groups: PersonAtProvider["groups"],
  principalId: string,
): Promise<readonly GroupChange[]> {
  if (groups === null) return [];
  const rules = await listGroupRules(reads, provider.id, { after: "", limit: groupRulesMax });
  if (rules.length === 0) return [];
  const names = new Map(rules.map((rule) => [rule.group_id, rule.group]));
  const given = new Set(
    rules
      .filter(({ value }) => groups.some((group) => fitsGlob(value, group)))
      .map((rule) => rule.group_id),
  );
  const held = new Set(await listGroupsOf(reads, principalId));
  return [...names].flatMap(([id, name]): GroupChange[] => {
    if (given.has(id) === held.has(id)) return [];
    return [{ id, name, kind: given.has(id) ? "added" : "removed" }];
  });
}

export function wordsOf(changes: readonly GroupChange[]) {
  const named = (wanted: GroupChange["kind"]) =>
    changes.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  return { groups_added: named("added"), groups_removed: named("removed") };
}
