/** Numbers, sizes and times, as all screens write them. */
import { language, text } from "../text/text.ts";

const whole = new Intl.NumberFormat(language);
const threeDigits = new Intl.NumberFormat(language, {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
const relativeShort = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
const exact = new Intl.DateTimeFormat(language, {
  ...{ day: "numeric", month: "short", year: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC" },
});
const toTheMinute = new Intl.DateTimeFormat(language, {
  ...{ day: "numeric", month: "short", year: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", timeZone: "UTC" },
});
const day = new Intl.DateTimeFormat(language, {
  ...{ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" },
});

const dayOfYear = new Intl.DateTimeFormat(language, {
  ...{ day: "numeric", month: "short", timeZone: "UTC" },
});

/** `2026-11-29` as `29 Nov 2026`, or `29 Nov`. */
export function dayText(date: string, form: "long" | "short" = "long"): string {
  return (form === "long" ? day : dayOfYear).format(Date.parse(`${date}T00:00:00Z`));
}

export function count(number: number): string {
  return whole.format(number);
}

const units: readonly string[] = text.units;

/** Decimal, three significant digits: 1 MB is a million bytes. */
export function sizeOf(bytes: number): { readonly amount: string; readonly unit: string } {
  if (bytes < 1_000) return { amount: whole.format(bytes), unit: units[0] ?? "" };
  let power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  let amount = bytes / 1_000 ** power;
  // 999.6 KB is 1.00 MB.
  if (amount >= 999.5 && power < units.length - 1) {
    power += 1;
    amount = bytes / 1_000 ** power;
  }
  return { amount: threeDigits.format(amount), unit: units[power] ?? "" };
}

/** The unit in which something so large is written. `size`: its bytes. */
export function unitOf(bytes: number): { readonly name: string; readonly size: number } {
  const name = sizeOf(bytes).unit;
  return { name, size: 1_000 ** units.indexOf(name) };
}

export function sizeText(bytes: number): string {
  const { amount, unit } = sizeOf(bytes);
  return `${amount} ${unit}`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** "just now", "14 min ago", "3 hours ago", "yesterday", "in 9 days". */
export function ago(time: string, now = Date.now()): string {
  const ms = Date.parse(time) - now;
  const past = Math.abs(ms);
  if (past < minuteMs) return text.justNow;
  if (past < hourMs) return relativeShort.format(Math.round(ms / minuteMs), "minute");
  if (past < dayMs) return relative.format(Math.round(ms / hourMs), "hour");
  if (past < 60 * dayMs) return relative.format(Math.round(ms / dayMs), "day");
  if (past < 700 * dayMs) return relative.format(Math.round(ms / (30.44 * dayMs)), "month");
  return relative.format(Math.round(ms / (365.25 * dayMs)), "year");
}

/** How long something took or held. */
export function lasting(ms: number): string {
  const unit = (amount: number, name: "second" | "minute" | "hour" | "day") =>
    new Intl.NumberFormat(language, {
      ...{ style: "unit", unit: name, unitDisplay: name === "minute" ? "short" : "long" },
      maximumFractionDigits: 0,
    }).format(amount);
  if (ms < minuteMs) return unit(ms / 1_000, "second");
  if (ms < hourMs) return unit(ms / minuteMs, "minute");
  if (ms < 2 * dayMs) return unit(ms / hourMs, "hour");
  return unit(ms / dayMs, "day");
}

export function exactTime(time: string): string {
  return `${exact.format(new Date(time))} UTC`;
}

export function minuteTime(time: string): string {
  return toTheMinute.format(new Date(time));
}

export function dayTime(time: string): string {
  return day.format(new Date(time));
}

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(language, {
  ...{ weekday: "long", day: "numeric", month: "short" },
});

/** Of a timetable, by the clock of whoever looks. */
export function clockTime(time: string): string {
  return clock.format(new Date(time));
}

/** The day of a timetable: "Today", "Yesterday", "Friday 27 Nov". */
export function dayName(time?: string): string {
  const midnight = (date: Date) => date.setHours(0, 0, 0, 0);
  const from = time === undefined ? new Date() : new Date(time);
  const days = Math.round((midnight(new Date(from)) - midnight(new Date())) / dayMs);
  if (days < -1) return weekday.format(from);
  return relative.format(days, "day").replace(/^./, (first) => first.toUpperCase());
}

/** With a capital and a full stop, as a sentence has them. */
export function sentence(words: string): string {
  return withStop(words.replace(/^./, (first) => first.toUpperCase()));
}

export function withStop(words: string): string {
  return words.replace(/[^.!?…]$/, "$&.");
}

/**
 * A robot without what all robots of its project have in front, where a screen is about that project. Still as a
 * robot: a person may be called the same.
 */
export function nameIn(place: string, name: string): string {
  const common = `robot.${place.split("/", 1)[0]}.`;
  return name.startsWith(common) ? text.robotNamed(name.slice(common.length)) : name;
}

/** What somebody is found by: a robot by its short name too. */
export function namesOf(name: string | null): readonly string[] {
  return name === null ? [] : [...new Set([name, name.replace(/^robot\.[^.]+\./, "")])];
}

/** The beginning of a digest in groups of four, as people compare it. */
export function digestGroups(digest: string, groups = 3): readonly string[] {
  const hex = digest.slice(digest.indexOf(":") + 1);
  return Array.from({ length: groups }, (_none, index) => hex.slice(index * 4, index * 4 + 4));
}
