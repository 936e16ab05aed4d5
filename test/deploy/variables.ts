import { settingKeys, variableOf } from "../../src/platform/settings.ts";

/** Whether Berth reads a variable: the value of a setting, the file that holds it, or the file of settings. */
function isKnownVariable(name: string): boolean {
  return name === "BERTH_CONFIG" || known.has(name.replace(/_FILE$/, ""));
}

const known = new Set(settingKeys.map(variableOf));

/** What Berth does not read among the names that a text has. */
export function unknownVariables(text: string): string[] {
  const names = new Set(text.match(/\bBERTH_[A-Z0-9_]+/g));
  return [...names].filter((name) => !isKnownVariable(name));
}
