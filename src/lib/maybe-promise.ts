/** There already, or soon: what comes from memory or SQLite is there at once, which a promise never is. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with the value: in the same turn where it is there, so that hot paths make no promises. */
export function chain<T, U>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
