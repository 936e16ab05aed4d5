import type { Clock } from "../lib/clock.ts";
import type { Past } from "../oci/past-name.ts";
import { RegistryError } from "../oci/registry-error.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** Throws NAME_INVALID for a moment that has not passed: what is there then may still change. */
export function assertOver(clock: Clock, { at }: Pick<Past, "at">): void {
  const now = clock.now();
  if (at < now) return;
  throw new RegistryError("NAME_INVALID", {
    message: `the state at ${formatMoment(at)} is not to be seen yet: a time of the past must be before now, ${formatMoment(now)}`,
    detail: { at: formatMoment(at), now: formatMoment(now) },
  });
}

/** Throws where what was deleted before a moment may have gone for good since, so that a view had gaps. */
export function assertKept(clock: Clock, at: number, days: number): void {
  const keptFrom = clock.now() - days * dayMs;
  if (at >= keptFrom) return;
  throw new RegistryError("NAME_UNKNOWN", {
    message: `the state at ${formatMoment(at)} is not kept: what was is kept for ${days} days, from ${formatMoment(keptFrom)} on`,
    detail: { at: formatMoment(at), kept_from: formatMoment(keptFrom) },
  });
}

function formatMoment(ms: number): string {
  return new Date(ms).toISOString();
}
