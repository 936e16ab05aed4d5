import type { EventImage, EventTag, RegistryEvent } from "../event.ts";
import type { EventType } from "../event-types.ts";

/** What other registries call a push: a tag stands for something else from now on. */
const pushTypes: ReadonlySet<EventType> = new Set(["image.pushed", "tag.moved", "tag.restored"]);

export type ImageEvent = RegistryEvent & {
  readonly image: EventImage;
  readonly repository: NonNullable<RegistryEvent["repository"]>;
};

export function isOfImage(event: RegistryEvent): event is ImageEvent {
  return event.image !== null && event.repository !== null;
}

export function isPush(event: RegistryEvent): event is ImageEvent {
  return isOfImage(event) && pushTypes.has(event.type);
}

/** The repository's name behind the project's, as registries with two levels have it. */
export function shortName({ repository, project }: ImageEvent): string {
  return project === null ? repository : repository.slice(project.length + 1) || repository;
}

export function tagNames({ image }: ImageEvent): readonly EventTag["name"][] {
  return image.tags.map(({ name }) => name);
}
