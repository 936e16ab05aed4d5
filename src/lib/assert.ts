/** Throws when something that cannot happen has happened: a programmer's error, never bad input. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new AssertionError(why);
}

/** Makes an unhandled case of a union a compile error. */
export function assertNever(value: never): never {
  throw new AssertionError(`unhandled case: ${JSON.stringify(value)}`);
}

class AssertionError extends Error {
  override name = "AssertionError";
}
