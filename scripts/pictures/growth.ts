import type { ClosedApp } from "../../test/accounts/closed-app.ts";
import { today } from "./calendar.ts";

const days = 60;
const dayMs = 24 * 60 * 60 * 1000;

/** Days before this one, in place of those on which the story had the server count. */
export async function growthOf(
  app: ClosedApp,
  now: {
    readonly stored_bytes: number;
    readonly logical_bytes: number;
    readonly trash_bytes: number;
    readonly blobs: number;
  },
): Promise<void> {
  const rows = Array.from({ length: days + 1 }, (_none, ago) => {
    const time = today - ago * dayMs;
    // Little is pushed at weekends; a release adds more than other days.
    const steps = weekdaysBetween(time, today) + (ago > 9 ? 3 : 0) + (ago > 30 ? 5 : 0);
    const share = 1 / (1 + steps * 0.024);
    const trash = now.trash_bytes * (ago > 22 && ago < 36 ? 2.4 : ago > 6 ? 0.5 : 1);
    return [
      new Date(time).toISOString().slice(0, 10),
      Math.round((now.stored_bytes - now.trash_bytes) * share + trash),
      Math.round(now.logical_bytes * share ** 1.3),
      Math.round(trash),
      Math.round(now.blobs * share),
      time,
    ];
  });
  await app.rows("delete from storage_days");
  await app.rows(
    `insert into storage_days (day, stored_bytes, logical_bytes, trash_bytes, blobs, measured_at) values ${rows
      .map(() => "(?, ?, ?, ?, ?, ?)")
      .join(", ")}`,
    ...rows.flat(),
  );
}

function weekdaysBetween(from: number, to: number): number {
  let count = 0;
  for (let time = from; time < to; time += dayMs) {
    const day = new Date(time).getUTCDay();
    if (day !== 0 && day !== 6) count += 1;
  }
  return count;
}
