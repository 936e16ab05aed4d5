import type { RegistryEvent } from "../event.ts";
import type { EventFormat } from "../format.ts";

/** CloudEvents 1.0.2, structured mode of its JSON format (§3.2 of the HTTP binding). */
export const cloudEvents: EventFormat = {
  contentType: "application/cloudevents+json",
  write: (event, { origin, host }) => [
    JSON.stringify({
      specversion: "1.0",
      id: event.id,
      source: origin,
      type: `io.berth.${event.type}`,
      time: new Date(event.at).toISOString(),
      subject: event.resource,
      datacontenttype: "application/json",
      data: dataOf(event, host),
    }),
  ],
};

function dataOf(event: RegistryEvent, host: string): Record<string, unknown> {
  const { actor, project, repository, image, detail } = event;
  const about = { actor, project, repository };
  if (image === null) return { ...about, ...(repository === null ? {} : { host }), detail };
  const { digest, tags, manifest } = image;
  return {
    ...about,
    host,
    digest,
    tags: tags.map(({ name, from }) => ({ name, from })),
    ...(manifest === null
      ? {}
      : {
          media_type: manifest.mediaType,
          artifact_type: manifest.artifactType,
          subject: manifest.subject,
          size: manifest.size,
        }),
    ...(event.type === "image.deleted" || event.type === "image.restored" ? { detail } : {}),
  };
}
