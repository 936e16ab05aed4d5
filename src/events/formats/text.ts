import type { RegistryEvent } from "../event.ts";
import type { EventFormat, Sender } from "../format.ts";

export const templateDefault = "{type}: {host}/{resource} by {actor}";
/** Characters. */
export const templateLengthMax = 1_000;

/** What a template may speak of, in braces. */
const words: Readonly<Record<string, (event: RegistryEvent, from: Sender) => string>> = {
  type: ({ type }) => type,
  resource: ({ resource }) => resource,
  actor: ({ actor }) => actor,
  project: ({ project }) => project ?? "",
  repository: ({ repository }) => repository ?? "",
  tags: ({ image }) => image?.tags.map(({ name }) => name).join(", ") ?? "",
  digest: ({ image }) => image?.digest ?? "",
  host: (_event, { host }) => host,
  time: ({ at }) => new Date(at).toISOString(),
};

/** One line for people in a chat: what Slack, Mattermost, Rocket.Chat, Google Chat and Zulip take. */
export const text: EventFormat = {
  contentType: "application/json",
  write: (event, from, template) => [
    JSON.stringify({
      text: (template ?? templateDefault).replaceAll(/\{(\w+)\}/g, (all, word: string) =>
        Object.hasOwn(words, word) ? (words[word]?.(event, from) ?? all) : all,
      ),
    }),
  ],
};

/** Why it is no template; null where it is one. */
export function brokenTemplateRule(template: string): string | null {
  for (const [, word = ""] of template.matchAll(/\{(\w+)\}/g)) {
    if (!Object.hasOwn(words, word)) {
      return `{${word}} means nothing: there are ${Object.keys(words)
        .map((known) => `{${known}}`)
        .join(", ")}`;
    }
  }
  return null;
}
