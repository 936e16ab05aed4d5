import { z } from "zod";
import { change } from "../access/change.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { formatTime, formatTimeOrNull, pageOf, time } from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import {
  deleteCredential,
  findCredential,
  insertCredential,
  listCredentials,
} from "../auth/credential-store.ts";
import type { KnownPrincipal, Scope } from "../auth/principal.ts";
import type { Reads, Tx } from "../db/database.ts";
import type { CredentialRow, PrincipalRow } from "../db/tables.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { expiryOf } from "./expiry.ts";

/** Personal access tokens of one user that are still good. */
const tokensMax = 100;
/** Rows of one user, expired tokens with them: those go when they are a while over. */
const rowsMax = 1_000;

/** What is said of a token or a secret: not the secret. */
export const credentialOutput = z.object({
  id: z.string(),
  description: z.string(),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
});

export const tokenOutput = credentialOutput.extend({
  scopes: z
    .array(z.object({ pattern: z.string(), actions: z.array(z.string()) }))
    .nullable()
    .describe("What it lets through; null: all that its holder may do."),
  cidrs: z.array(z.string()),
});

export type TokenView = z.input<typeof tokenOutput>;

export const createdTokenOutput = tokenOutput.extend({
  token: z.string().describe("The token itself, which nobody can ask for again."),
});

export interface NewToken {
  readonly description: string;
  readonly scopes: Scope | null;
  /** Null: it does not end. */
  readonly expiresInDays: number | null;
  readonly cidrs: readonly string[];
}

/** Makes a personal access token for the caller, after `first`. Throws 409 when they have too many. */
export async function createToken(
  deps: Management,
  call: ApiCall,
  user: KnownPrincipal,
  { description, scopes, expiresInDays, cidrs }: NewToken,
  first: (tx: Tx) => Promise<void> = async () => {},
): Promise<z.input<typeof createdTokenOutput>> {
  const now = deps.clock.now();
  const expiresAt = expiryOf(expiresInDays, call.principal, now);
  const { text, hash } = makeSecret("berth_pat_");
  return await change(
    deps,
    call,
    ({ id }) => ({
      action: "token.created",
      resource: `user ${user.name}`,
      detail: { id, scopes, cidrs, expires_at: formatTimeOrNull(expiresAt) },
    }),
    async (tx) => {
      await first(tx);
      const earlier = await listCredentials(tx, user.id, { kinds: ["token"], limit: rowsMax });
      const good = earlier.filter(({ expires_at }) => expires_at === null || expires_at > now);
      if (good.length >= tokensMax || earlier.length >= rowsMax) {
        throw conflict(`${user.name} has ${tokensMax} tokens already: revoke one that is not used`);
      }
      const row = await insertCredential(tx, {
        principalId: user.id,
        kind: "token",
        hash,
        description,
        scopes,
        cidrs,
        expiresAt,
        now,
        createdBy: user.id,
      });
      return { ...tokenView(row), token: text };
    },
  );
}

/** A page of the tokens of one user, expired ones too. */
export async function listTokens(
  reads: Reads,
  userId: string,
  { limit, after }: { readonly limit: number; readonly after: string },
) {
  const page = { kinds: ["token"], after, limit: limit + 1 } as const;
  const rows = await listCredentials(reads, userId, page);
  return pageOf(rows, limit, (row) => row.id, tokenView);
}

/** What records call the end of a credential. */
const ended = { token: "token.revoked", session: "session.closed" } as const;

/** Ends a token or a session of the user. Throws 404 for the id of anything else. */
export async function endCredential(
  deps: Management,
  call: ApiCall,
  user: Pick<PrincipalRow, "id" | "name">,
  { kind, id }: { kind: keyof typeof ended; id: string },
): Promise<undefined> {
  return await change(
    deps,
    call,
    { action: ended[kind], resource: `user ${user.name}`, detail: { id } },
    async (tx) => {
      const row = await findCredential(tx, id);
      if (row?.principal_id !== user.id || row.kind !== kind) throw notFound(`${kind} ${id}`);
      await deleteCredential(tx, id, user.id);
      return undefined;
    },
  );
}

export function tokenView(row: CredentialRow): TokenView {
  return {
    ...credentialView(row),
    scopes: row.scopes === null ? null : JSON.parse(row.scopes),
    cidrs: JSON.parse(row.cidrs),
  };
}

export function credentialView(row: CredentialRow): z.input<typeof credentialOutput> {
  return {
    id: row.id,
    description: row.description,
    created_at: formatTime(row.created_at),
    expires_at: formatTimeOrNull(row.expires_at),
    last_used_at: formatTimeOrNull(row.last_used_at),
  };
}
