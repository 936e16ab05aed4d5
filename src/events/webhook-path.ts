import { projectIdOf } from "../access/place.ts";
import { identifier } from "../access/schema.ts";
import { notFound } from "../access/unknown.ts";
import type { Reads } from "../db/database.ts";
import type { ProjectName } from "../oci/repository-name.ts";
import { findWebhook, type Webhook } from "./webhook-store.ts";

export const webhookPath = { webhook: identifier };

export async function getWebhook(
  reads: Reads,
  name: ProjectName | undefined,
  id: string,
): Promise<Webhook> {
  const webhook = await findWebhook(reads, await projectIdOf(reads, name), id);
  if (webhook === null) throw notFound(`webhook ${id}`);
  return webhook;
}
