/** What webhooks are told of, by the name that people choose it by, and what it is. */
const eventTypes = {
  "image.pushed": "A manifest came, with the tags that were put on it",
  "image.deleted": "Manifests went to the trash, with their tags",
  "image.restored": "A manifest came back from the trash",
  "image.pulled": "Pulls of a repository within an hour, summed",
  "tag.moved": "Tags were put on a manifest that was there",
  "tag.deleted": "A tag was deleted",
  "tag.restored": "A tag came back, or points again where it did earlier",
  "repository.created": "A repository was made",
  "repository.changed": "Its description, labels or visibility changed",
  "repository.deleted": "A repository went to the trash",
  "repository.restored": "A repository came back from the trash",
  "project.created": "A project was made",
  "project.changed": "A project's settings changed",
  "project.deleted": "A project went to the trash",
  "project.restored": "A project came back from the trash",
  "member.changed": "Somebody became a member of a project, or has another role in it",
  "member.removed": "Somebody is no longer a member of a project",
  "robot.expiring": "A robot ends within days",
  "chore.failed": "Work in the background failed",
  "webhook.disabled": "A webhook failed for so long that nothing is sent there any more",
} as const;

export type EventType = keyof typeof eventTypes;

export const eventTypeNames = Object.keys(eventTypes) as [EventType, ...EventType[]];

/** What changes images and tags: what most who build and deploy want to hear of. */
export const imageEventTypes: readonly EventType[] = eventTypeNames.filter(
  (type) => type !== "image.pulled" && /^(image|tag)\./.test(type),
);

/** By the action that a line of the audit names, where that has another name. */
const typeByAction: Readonly<Record<string, EventType>> = {
  "manifest.pushed": "image.pushed",
  "manifest.deleted": "image.deleted",
  "manifests.deleted": "image.deleted",
  "manifest.restored": "image.restored",
  "member.set": "member.changed",
};

/** What a line of the audit is to webhooks; null where it is nothing. */
export function typeOfAction(action: string): EventType | null {
  const named = typeByAction[action];
  if (named !== undefined) return named;
  return Object.hasOwn(eventTypes, action) ? (action as EventType) : null;
}
