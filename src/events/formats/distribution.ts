import type { EventFormat, Sender } from "../format.ts";
import { type ImageEvent, isOfImage, isPush, tagNames } from "./pushes.ts";

/** As CNCF Distribution sends them: an envelope with an event for each tag, or one for the manifest. */
export const distribution: EventFormat = {
  contentType: "application/vnd.docker.distribution.events.v2+json",
  write(event, from) {
    if (isPush(event)) {
      const tags = tagNames(event);
      const named = tags.length === 0 ? [null] : tags;
      return [
        envelope(
          event,
          from,
          "push",
          named.map((tag) => pushed(event, from, tag)),
        ),
      ];
    }
    if (!isOfImage(event)) return [];
    const { repository, image } = event;
    switch (event.type) {
      case "image.deleted":
        return [envelope(event, from, "delete", [{ digest: image.digest, repository }])];
      case "tag.deleted":
        return [
          envelope(
            event,
            from,
            "delete",
            tagNames(event).map((tag) => ({ repository, tag })),
          ),
        ];
      default:
        return [];
    }
  },
};

function pushed({ repository, image }: ImageEvent, { origin }: Sender, tag: string | null) {
  const { digest, manifest } = image;
  return {
    ...(manifest === null
      ? {}
      : { mediaType: manifest.mediaType, size: manifest.size, length: manifest.size }),
    digest,
    repository,
    url: `${origin}/v2/${repository}/manifests/${digest}`,
    ...(tag === null ? {} : { tag }),
  };
}

function envelope(
  event: ImageEvent,
  { host }: Sender,
  action: "push" | "delete",
  targets: readonly Record<string, unknown>[],
): string {
  const events = targets.map((target, index) => ({
    id: targets.length === 1 ? event.id : `${event.id}-${index + 1}`,
    timestamp: new Date(event.at).toISOString(),
    action,
    target,
    request: { host },
    actor: { name: event.actor },
    source: { addr: host },
  }));
  return JSON.stringify({ events });
}
