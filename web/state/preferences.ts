import { useSyncExternalStore } from "react";

/** What this browser keeps of a person's choices. */
type Preference = "theme" | "client" | "keys" | "tag-columns" | "projects";

const changed = "berth:preference";

function read(name: string): string | null {
  try {
    return localStorage.getItem(`berth.${name}`);
  } catch {
    return null;
  }
}

/** Null: as if nobody had chosen. */
export function setPreference(name: Preference, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`berth.${name}`);
    else localStorage.setItem(`berth.${name}`, value);
  } catch {
    // Then it holds until the page is left.
  }
  dispatchEvent(new Event(changed));
  if (name === "theme") dispatchEvent(new Event("berth:theme"));
}

export function usePreference(name: Preference, otherwise: string): string {
  return useChosen(name) ?? otherwise;
}

/** Null where nobody chose. */
export function useChosen(name: Preference): string | null {
  return useSyncExternalStore(
    (listener) => {
      addEventListener(changed, listener);
      return () => removeEventListener(changed, listener);
    },
    () => read(name),
  );
}

export function preference(name: Preference, otherwise: string): string {
  return read(name) ?? otherwise;
}
