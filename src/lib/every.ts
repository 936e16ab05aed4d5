/**
 * Does the work again and again, never twice at once: what is slow, such as a database, is not asked for
 * more and more. A failure is the work's own to tell of.
 */
export function every(ms: number, work: () => Promise<void>): Timer {
  let isWorking = false;
  return setInterval(async () => {
    if (isWorking) return;
    isWorking = true;
    await work().catch(() => {});
    isWorking = false;
  }, ms);
}
