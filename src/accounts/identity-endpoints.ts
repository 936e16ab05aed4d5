import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import {
  formatTime,
  identifier,
  pageInput,
  pageOf,
  pageOutput,
  plainName,
  textLine,
  time,
} from "../access/schema.ts";
import { conflict, notFound } from "../access/unknown.ts";
import { actorOf } from "../auth/principal.ts";
import { endEverythingIssued } from "../auth/principal-store.ts";
import type { IdentityRow } from "../db/tables.ts";
import { directoryOf } from "./directory.ts";
import { typedId } from "./directory-ids.ts";
import {
  deleteIdentity,
  findIdentity,
  insertIdentity,
  listIdentities,
  subjectLengthMax,
} from "./identity-store.ts";
import { getProvider } from "./provider-endpoints.ts";
import { issuerOf } from "./provider-store.ts";
import { userName } from "./schemas.ts";
import { findUser } from "./user-endpoints.ts";

const action = "system:manage";
const userPath = { user: userName };

const identityOutput = z.object({
  id: z.string(),
  issuer: z.string(),
  subject: z.string(),
  created_at: time,
});

export const identityEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/users/{user}/identities",
    command: "user identities",
    summary: "Lists whom a user is at providers.",
    action,
    input: z.strictObject({ ...userPath, ...pageInput }),
    output: pageOutput(identityOutput),
    async handler({ db }, { user, limit, after }) {
      const { id } = await findUser(db.reads, user);
      const rows = await listIdentities(db.reads, id, { after, limit: limit + 1 });
      return pageOf(rows, limit, (row) => row.id, identityView);
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/users/{user}/identities",
    command: "user link",
    words: ["user", "provider", "subject"],
    summary: "Lets whom a provider calls so sign in as a user that is there already.",
    action,
    input: z.strictObject({
      ...userPath,
      provider: plainName,
      subject: textLine(subjectLengthMax).describe(
        "What the provider has as sub, or a directory as its id_attribute: never a name or an address.",
      ),
    }),
    output: identityOutput,
    status: 201,
    async handler(deps, { user, provider: name, subject: typed }, call) {
      const entry = ({ subject }: { readonly subject: string }) => ({
        action: "user.linked",
        resource: `user ${user}`,
        detail: { provider: name, subject },
      });
      return change(deps, call, entry, async (tx) => {
        const row = await findUser(tx, user);
        const provider = await getProvider(tx, name);
        const issuer = issuerOf(provider);
        const isDirectory = provider.kind === "ldap";
        const subject = isDirectory ? typedId(directoryOf(deps.secrets, provider), typed) : typed;
        if ((await findIdentity(tx, { issuer, subject })) !== null) {
          throw conflict(`${JSON.stringify(subject)} of ${name} is a user already`);
        }
        const made = { now: deps.clock.now(), createdBy: actorOf(call.principal) };
        return identityView(
          await insertIdentity(tx, { issuer, subject, principalId: row.id, ...made }),
        );
      });
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/users/{user}/identities/{id}",
    command: "user unlink",
    summary: "No longer lets somebody of a provider sign in as a user, whose sessions end.",
    action,
    input: z.strictObject({ ...userPath, id: identifier }),
    output: nothing,
    status: 204,
    async handler(deps, { user, id }, call) {
      const entry = { action: "user.unlinked", resource: `user ${user}`, detail: { id } };
      await change(deps, call, entry, async (tx) => {
        const row = await findUser(tx, user);
        if ((await deleteIdentity(tx, id, row.id)) === null) throw notFound(`identity ${id}`);
        await endEverythingIssued(tx, row.id);
      });
      return undefined;
    },
  }),
];

function identityView({ id, issuer, subject, created_at }: IdentityRow) {
  return { id, issuer, subject, created_at: formatTime(created_at) };
}
