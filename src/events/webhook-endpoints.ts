import { z } from "zod";
import { change } from "../access/change.ts";
import {
  assertVersion,
  defineEndpoint,
  type Endpoint,
  type Management,
  nothing,
} from "../access/endpoint.ts";
import { parseRepositoryPattern } from "../access/pattern.ts";
import {
  ofPlace,
  type Place,
  placeInProject,
  placeInRegistry,
  projectIdOf,
} from "../access/place.ts";
import { description, pageInput, pageOf, pageOutput } from "../access/schema.ts";
import { actorOf } from "../auth/principal.ts";
import { sealedFor } from "../auth/secret-box.ts";
import type { Tx } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import { defined } from "../lib/defined.ts";
import { uuidv7 } from "../lib/random.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { deliveryMsMax } from "./deliver.ts";
import { deliveryEndpoints } from "./delivery-endpoints.ts";
import { giveUp } from "./delivery-store.ts";
import { readProgress, setCursor } from "./event-store.ts";
import { imageEventTypes } from "./event-types.ts";
import { type EventFormat, type Format, formatNames, formats } from "./format.ts";
import { newWebhookSecret } from "./signature.ts";
import { beginTelling } from "./webhook-chores.ts";
import { getWebhook, webhookPath } from "./webhook-path.ts";
import {
  enabled,
  events,
  pattern,
  template,
  webhookAnswer,
  webhookOutput,
  webhookUrl,
} from "./webhook-schema.ts";
import {
  deleteWebhook,
  insertWebhook,
  isAnyActive,
  listWebhooks,
  updateWebhook,
  type Webhook,
} from "./webhook-store.ts";

export const webhookEndpoints: readonly Endpoint[] = [
  placeInProject("webhooks"),
  placeInRegistry("webhooks"),
].flatMap((place) => [
  ...endpointsOfAll(place),
  ...endpointsOfOne(place),
  ...deliveryEndpoints(place),
]);

function endpointsOfAll({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "GET",
      path,
      command: "webhook list",
      summary: `Lists the webhooks ${of}.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...pageInput }),
      output: pageOutput(webhookOutput),
      async handler({ db }, { project: name, limit, after }) {
        const projectId = await projectIdOf(db.reads, name);
        const rows = await listWebhooks(db.reads, projectId, { after, limit: limit + 1 });
        const answer = (webhook: Webhook) => webhookAnswer(webhook, name ?? null);
        return pageOf(rows, limit, ({ id }) => id, answer);
      },
    }),

    defineEndpoint({
      method: "POST",
      path,
      command: "webhook create",
      words: ["url"],
      summary: `Makes a webhook ${of}: an address that is told of what happens. The secret that messages are signed with is shown once.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        url: webhookUrl,
        format: z.enum(formatNames).default("cloudevents").describe("How messages are written."),
        template: template.optional(),
        events: events.default([...imageEventTypes]),
        pattern: pattern.default("**"),
        description: description.default(""),
      }),
      output: webhookOutput.extend({
        secret: z.string().describe("What messages are signed with: nobody can ask for it again."),
      }),
      status: 201,
      version: ({ version }) => version,
      shownOnce: "secret",
      async handler(deps, { project: name, template: told, ...given }, call) {
        assertTemplateFits(given.format, told);
        const secret = newWebhookSecret();
        const id = uuidv7();
        parseRepositoryPattern(given.pattern, name ?? null);
        let projectId: string | null = null;
        const entry = () => ({
          action: "webhook.created",
          resource: `webhook ${id}`,
          projectId,
          detail: shown(given),
        });
        return await change(deps, call, entry, async (tx) => {
          projectId = await projectIdOf(tx, name);
          const begin = await beginHere(deps, tx);
          const webhook = await insertWebhook(tx, {
            ...given,
            ...begin,
            ...{ id, projectId, template: told ?? null, state: "active" },
            secret: deps.secrets.seal(secret, sealedFor.webhook(id)),
            createdAt: deps.clock.now(),
            createdBy: actorOf(call.principal),
          });
          return { ...webhookAnswer(webhook, name ?? null), secret };
        });
      },
    }),
  ];
}

function endpointsOfOne({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "GET",
      path: `${path}/{webhook}`,
      command: "webhook show",
      summary: `Shows a webhook ${of}.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...webhookPath }),
      output: webhookOutput,
      version: ({ version }) => version,
      async handler({ db }, { project: name, webhook: id }) {
        return webhookAnswer(await getWebhook(db.reads, name, id), name ?? null);
      },
    }),

    defineEndpoint({
      method: "PATCH",
      path: `${path}/{webhook}`,
      command: "webhook update",
      summary: `Changes a webhook ${of}, or lets one begin again that was disabled.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        ...webhookPath,
        url: webhookUrl.optional(),
        template: template.optional(),
        events: events.optional(),
        pattern: pattern.optional(),
        description: description.optional(),
        enabled: enabled.optional(),
      }),
      output: webhookOutput,
      version: ({ version }) => version,
      async handler(deps, { project: name, webhook: id, enabled: isEnabled, ...given }, call) {
        if (given.pattern !== undefined) parseRepositoryPattern(given.pattern, name ?? null);
        let projectId: string | null = null;
        const entry = () => ({
          action: "webhook.changed",
          resource: `webhook ${id}`,
          projectId,
          detail: { ...shown(given), enabled: isEnabled },
        });
        return await change(deps, call, entry, async (tx) => {
          const webhook = await getWebhook(tx, name, id);
          projectId = webhook.projectId;
          assertVersion(call, webhook.version);
          assertTemplateFits(webhook.format, given.template);
          assertSecretStays(webhook, given.url);
          const changes = {
            ...defined(given),
            ...(isEnabled === false ? ({ state: "paused" } as const) : {}),
            ...(isEnabled === true ? await beginAgain(deps, tx, webhook) : {}),
          };
          return webhookAnswer(await updateWebhook(tx, webhook, changes), name ?? null);
        });
      },
    }),

    defineEndpoint({
      method: "DELETE",
      path: `${path}/{webhook}`,
      command: "webhook delete",
      summary: `Deletes a webhook ${of}, and what waits for it.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...webhookPath }),
      output: nothing,
      status: 204,
      async handler(deps, { project: name, webhook: id }, call) {
        const entry = ({ url, projectId }: Webhook) => ({
          action: "webhook.deleted",
          resource: `webhook ${id}`,
          projectId,
          detail: shown({ url }),
        });
        await change(deps, call, entry, async (tx) => {
          const webhook = await getWebhook(tx, name, id);
          assertVersion(call, webhook.version);
          await deleteWebhook(tx, id);
          return webhook;
        });
        return undefined;
      },
    }),
  ];
}

function assertTemplateFits(format: Format, given: string | undefined): void {
  if (given === undefined || format === "text") return;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: `template is what the format text says, and the format here is ${format}`,
    detail: { format },
  });
}

/** Whoever changes the address was not shown the secret, and must not have it sent to a place of theirs. */
function assertSecretStays({ format, url }: Webhook, given: string | undefined): void {
  const { sendsSecret }: EventFormat = formats[format];
  if (sendsSecret !== true || given === undefined) return;
  const { origin } = new URL(url);
  if (new URL(given).origin === origin) return;
  throw new RegistryError("DENIED", {
    status: 409,
    message: `messages of the format ${format} hold the secret, which goes to ${origin} alone: make a new webhook for another address, and delete this one`,
    detail: { format, origin },
  });
}

/** Addresses of chats are secrets themselves: the record names their hosts alone. */
function shown({ url, ...rest }: { readonly url?: string | undefined }): Record<string, unknown> {
  return url === undefined ? { ...rest } : { host: new URL(url).host, ...rest };
}

/** Behind what a webhook begins that is made now: a line of the audit, and a time as chores have it. */
async function beginHere(deps: Management, tx: Tx): Promise<Pick<Webhook, "afterSeq" | "begunAt">> {
  const { end: afterSeq } = await readProgress(tx);
  const begunAt = await readNow(tx, nowOf(deps.db, deps.clock));
  // Nobody was told of anything until now, and nobody looked.
  if (!(await isAnyActive(tx))) {
    const cursor = { seq: afterSeq, bare_seq: afterSeq, chores_at: begunAt, pulls_at: begunAt };
    await setCursor(tx, cursor);
  }
  await beginTelling(deps, tx);
  return { afterSeq, begunAt };
}

async function beginAgain({ ...deps }: Management, tx: Tx, webhook: Webhook) {
  if (webhook.state === "active") return {};
  const { db, clock } = deps;
  const now = clock.now();
  const why = "it waited for longer than messages are sent";
  const old = { before: now - deliveryMsMax, why, now, limit: Number.MAX_SAFE_INTEGER };
  await giveUp(db, tx, webhook.id, old);
  return { state: "active" as const, ...(await beginHere(deps, tx)) };
}
