import { peopleText } from "../text/people.ts";

/** As browsers call themselves, the one that others name too behind those. */
const browsers = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Firefox", "Firefox"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
] as const;
const systems = [
  ["Android", "Android"],
  ["iPhone", "iOS"],
  ["iPad", "iPadOS"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["Linux", "Linux"],
] as const;

/** `Firefox 145 on Linux` for its User-Agent; what is no browser that one knows stays as it is; null for nothing. */
export function browserName(agent: string): string | null {
  if (agent === "") return null;
  const system = systems.find(([sign]) => agent.includes(sign))?.[1];
  for (const [sign, name] of browsers) {
    const [, version] = new RegExp(`\\b${sign}/(\\d+)`).exec(agent) ?? [];
    if (version === undefined || system === undefined) continue;
    return peopleText.profile.browserOn(name, version, system);
  }
  return agent;
}
