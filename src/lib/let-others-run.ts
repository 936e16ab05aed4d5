/** SQLite answers without leaving the event loop: without this long work would stop every request. */
export function letOthersRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
