import { type FormEvent, useState } from "react";
import type { CallOptions } from "../../client/operation.ts";
import { asError, changed } from "./resource.ts";

interface Submit {
  readonly error: Error | null;
  readonly isBusy: boolean;
  readonly send: (event: FormEvent<HTMLFormElement>) => Promise<void>;
}

/** A form that is sent once at a time: what went wrong is told, and what was typed stays. */
export function useSubmit(action: (fields: FormData) => Promise<void>): Submit {
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    try {
      await action(new FormData(event.currentTarget));
      setError(null);
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return { error, isBusy, send };
}

/**
 * Saves what was changed in a form alone: the rest may be older than what others saved, over which nothing
 * is written. Afterwards what begins with `keys` is read again, for the form to be made of it.
 */
export async function saveChanges<Told extends object>(
  before: Told & { readonly version: number },
  now: Told,
  save: (changes: Partial<Told>, options: CallOptions) => Promise<unknown>,
  keys: readonly string[],
): Promise<void> {
  const isSame = (name: keyof Told) => JSON.stringify(now[name]) === JSON.stringify(before[name]);
  const names = (Object.keys(now) as (keyof Told)[]).filter((name) => !isSame(name));
  if (names.length === 0) return;
  const changes = Object.fromEntries(names.map((name) => [name, now[name]])) as Partial<Told>;
  try {
    await save(changes, { ifMatch: before.version });
  } finally {
    await changed(...keys);
  }
}
