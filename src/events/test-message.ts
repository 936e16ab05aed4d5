import type { Digest } from "../oci/digest.ts";
import { type ProjectName, parseRepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import type { Config } from "../platform/config.ts";
import type { NewDelivery } from "./delivery-store.ts";
import type { RegistryEvent } from "./event.ts";
import { formats } from "./format.ts";
import { senderOf } from "./sender.ts";
import type { Webhook } from "./webhook-store.ts";

/** A message as of a push that nobody made, into a repository that is named so that nobody takes it for one. */
export function testMessage(
  webhook: Webhook,
  project: ProjectName | null,
  made: {
    readonly id: string;
    readonly actor: string;
    readonly at: number;
    readonly config: Config;
  },
): NewDelivery {
  const { id, actor, at, config } = made;
  const home = project ?? ("test" as ProjectName);
  const repository = parseRepositoryName(`${home}/webhook-test`);
  const event: RegistryEvent = {
    type: "image.pushed",
    ...{ id, at, actor, project: home, isPublic: false, repository },
    resource: `${repository}:test`,
    image: {
      digest: `sha256:${"0".repeat(64)}` as Digest,
      tags: [{ name: "test" as Tag, from: null }],
      manifest: null,
    },
    detail: { test: true },
  };
  const [body = ""] = formats[webhook.format].write(event, senderOf(config), webhook.template);
  return { webhook_id: webhook.id, event_id: id, type: "test", lane: "", place: 0, body };
}
