import { z } from "zod";
import { change } from "../access/change.ts";
import { defineEndpoint, type Endpoint, type Management, nothing } from "../access/endpoint.ts";
import { description, formatTime, pageInput, pageOf, pageOutput, time } from "../access/schema.ts";
import { notFound } from "../access/unknown.ts";
import { deleteInvitation, insertInvitation, listInvitations } from "../auth/invitation-store.ts";
import { actorOf } from "../auth/principal.ts";
import type { InvitationRow } from "../db/tables.ts";
import { makeSecret } from "../lib/secret-text.ts";
import { addressHere } from "../platform/config.ts";
import { isLoopbackHost } from "../platform/ip-address.ts";
import { dayMs, id } from "./schemas.ts";

const action = "system:manage";
const daysDefault = 7;
const daysMax = 90;

const invitationOutput = z.object({
  id: z.string(),
  description: z.string(),
  created_at: time,
  expires_at: time,
  used_by: z.string().nullable().describe("The id of the user that came of it."),
});

/** Each makes one account, for whoever has its secret. */
export const invitationEndpoints: readonly Endpoint[] = [
  defineEndpoint({
    method: "GET",
    path: "/api/v1/invitations",
    command: "invitation list",
    summary: "Lists invitations, used and expired ones too.",
    action,
    input: z.strictObject(pageInput),
    output: pageOutput(invitationOutput),
    async handler({ db }, { limit, after }) {
      const rows = await listInvitations(db.reads, { after, limit: limit + 1 });
      return pageOf(rows, limit, (row) => row.id, invitationView);
    },
  }),

  defineEndpoint({
    method: "POST",
    path: "/api/v1/invitations",
    command: "invitation create",
    summary:
      "Invites somebody to make an account, where the setting `signup` is not off: its secret is shown once.",
    action,
    input: z.strictObject({
      description: description.default(""),
      expires_in_days: z.number().int().min(1).max(daysMax).default(daysDefault),
    }),
    output: invitationOutput.extend({
      invitation: z.string().describe("The secret of the invitation."),
      address: z
        .string()
        .nullable()
        .describe(
          "Where it is used; null where the setting `signup` is off, or `url` is not set and the registry is not on loopback.",
        ),
    }),
    status: 201,
    shownOnce: "invitation",
    async handler(deps, input, call) {
      const { text, hash } = makeSecret("berth_invite_");
      const now = deps.clock.now();
      const address = signUpAddress(deps, text);
      return await change(
        deps,
        call,
        (made) => ({ action: "invitation.created", resource: `invitation ${made.id}` }),
        async (tx) => {
          const row = await insertInvitation(tx, {
            hash,
            description: input.description,
            expiresAt: now + input.expires_in_days * dayMs,
            now,
            createdBy: actorOf(call.principal),
          });
          return { ...invitationView(row), invitation: text, address };
        },
      );
    },
  }),

  defineEndpoint({
    method: "DELETE",
    path: "/api/v1/invitations/{id}",
    command: "invitation revoke",
    summary: "Takes an invitation back; an account that came of it stays.",
    action,
    input: z.strictObject({ id }),
    output: nothing,
    status: 204,
    async handler(deps, input, call) {
      const resource = `invitation ${input.id}`;
      return await change(deps, call, { action: "invitation.revoked", resource }, async (tx) => {
        if (!(await deleteInvitation(tx, input.id))) throw notFound(resource);
        return undefined;
      });
    },
  }),
];

/** A `Host` header decides nothing here: on loopback everybody is at this machine. */
function signUpAddress({ config }: Pick<Management, "config">, invitation: string): string | null {
  const isKnown = config.url !== null || isLoopbackHost(config.listen.host);
  if (config.signup === "off" || !isKnown) return null;
  return `${addressHere(config)}/signup?invitation=${invitation}`;
}

function invitationView(row: InvitationRow): z.input<typeof invitationOutput> {
  return {
    id: row.id,
    description: row.description,
    created_at: formatTime(row.created_at),
    expires_at: formatTime(row.expires_at),
    used_by: row.used_by,
  };
}
