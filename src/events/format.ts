import type { RegistryEvent } from "./event.ts";
import { cloudEvents } from "./formats/cloudevents.ts";
import { distribution } from "./formats/distribution.ts";
import { dockerHub } from "./formats/dockerhub.ts";
import { harbor } from "./formats/harbor.ts";
import { quay } from "./formats/quay.ts";
import { text } from "./formats/text.ts";

/** How messages are written. */
export const formats = {
  cloudevents: cloudEvents,
  harbor,
  dockerhub: dockerHub,
  quay,
  distribution,
  text,
} as const satisfies Record<string, EventFormat>;

export type Format = keyof typeof formats;

export const formatNames = Object.keys(formats) as [Format, ...Format[]];

/** One way to write an event down. */
export interface EventFormat {
  readonly contentType: string;
  /** Receivers compare the header Authorization with the secret itself. */
  readonly sendsSecret?: true;
  /**
   * The messages that tell of it: none where the format has no word for it, several where it tells of
   * one tag at a time.
   */
  write(event: RegistryEvent, from: Sender, template: string | null): readonly string[];
}

/** What messages say of whoever sends them. */
export interface Sender {
  /** Scheme, host and port of the registry. */
  readonly origin: string;
  readonly host: string;
}
