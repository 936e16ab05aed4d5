import type { EventFormat, Sender } from "../format.ts";
import { type ImageEvent, isOfImage, isPush, shortName, tagNames } from "./pushes.ts";

/** As Harbor 2 sends them in its default format; receivers look at the first resource alone, so each tag has a message. */
export const harbor: EventFormat = {
  contentType: "application/json",
  sendsSecret: true,
  write(event, from) {
    if (isPush(event)) {
      return tagNames(event).map((tag) => message(event, from, "PUSH_ARTIFACT", tag));
    }
    if (event.type === "image.deleted" && isOfImage(event)) {
      return [message(event, from, "DELETE_ARTIFACT", event.image.digest)];
    }
    return [];
  },
};

/** Where a manifest has no tag, Harbor puts its digest there. */
function message(event: ImageEvent, { host }: Sender, type: string, tag: string): string {
  const { repository, image, project } = event;
  const { digest, manifest } = image;
  return JSON.stringify({
    type,
    occur_at: Math.floor(event.at / 1000),
    operator: event.actor,
    event_data: {
      resources: [
        {
          digest,
          tag,
          resource_url: `${host}/${repository}${tag === digest ? "@" : ":"}${tag}`,
        },
      ],
      repository: {
        ...(manifest === null
          ? {}
          : { date_created: Math.floor(manifest.repositoryCreatedAt / 1000) }),
        name: shortName(event),
        namespace: project,
        repo_full_name: repository,
        repo_type: event.isPublic ? "public" : "private",
      },
    },
  });
}
