import { useSyncExternalStore } from "react";

/** What this browser keeps of a person's choices. */
const changed = "berth:preference";

function read(name: string): string | null {
  try {
    return localStorage.getItem(`berth.${name}`);
  } catch {
    return null;
  }
}

export function setPreference(name: "theme" | "client" | "keys", value: string): void {
  try {
    localStorage.setItem(`berth.${name}`, value);
  } catch {
    // Then it holds until the page is left.
  }
  dispatchEvent(new Event(changed));
  if (name === "theme") dispatchEvent(new Event("berth:theme"));
}

export function usePreference(name: "theme" | "client" | "keys", otherwise: string): string {
  const value = useSyncExternalStore(
    (listener) => {
      addEventListener(changed, listener);
      return () => removeEventListener(changed, listener);
    },
    () => read(name),
  );
  return value ?? otherwise;
}

export function preference(name: "theme" | "client" | "keys", otherwise: string): string {
  return read(name) ?? otherwise;
}
