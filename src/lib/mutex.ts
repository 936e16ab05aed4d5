/** Runs one body at a time, in the order of arrival. */
export interface Mutex {
  run<T>(body: () => Promise<T>): Promise<T>;
  readonly waiting: number;
}

export function createMutex(): Mutex {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    get waiting() {
      return waiting;
    },
    run(body) {
      waiting += 1;
      const result = tail.then(body);
      tail = result.then(
        () => {
          waiting -= 1;
        },
        () => {
          waiting -= 1;
        },
      );
      return result;
    },
  };
}
