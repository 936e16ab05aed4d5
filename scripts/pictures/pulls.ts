import { at, type Happening } from "./calendar.ts";
import type { Client, Clients } from "./clients.ts";
import { mei, piotr, robots, tomas } from "./people.ts";

const { production, staging, release, main } = robots;

/** Who pulls what how often a day, and from how many days ago to how many. */
const habits: readonly (readonly [
  by: Client,
  repository: string,
  tag: string,
  perDay: number,
  from: number,
  to: number,
])[] = [
  [production, "payments/api", "2.13.2", 4, 8, 4],
  [production, "payments/api", "2.14.0", 6, 2, 0],
  [production, "payments/worker", "2.13.0", 2, 6, 3],
  [production, "payments/worker", "2.14.0", 3, 1, 0],
  [production, "web/storefront", "1.48.0", 3, 6, 2],
  [production, "web/storefront", "1.49.0", 5, 0, 0],
  [production, "mirror/library/redis", "8.2", 2, 6, 0],
  [production, "mirror/library/postgres", "17", 1, 6, 0],
  [staging, "payments/api", "main", 3, 6, 0],
  [staging, "payments/api", "2.14.0", 1, 2, 0],
  [staging, "search/indexer", "0.91.0", 1, 3, 0],
  [release, "payments/charts", "2.14.0", 1, 2, 1],
  [main, "payments/api", "2.12.7", 1, 34, 33],
  [tomas, "payments/api", "2.13.1", 1, 14, 14],
  [mei, "payments/api", "2.13.0", 1, 19, 19],
  [mei, "platform/node", "22-slim", 1, 4, 0],
  [piotr, "data/warehouse-loader", "latest", 1, 0, 0],
];

/** Clusters pull at all hours, people by day. */
export function pullsCome({ pull }: Clients): Happening[] {
  const regular = habits.flatMap(([by, repository, tag, perDay, from, to]) =>
    Array.from({ length: (from - to + 1) * perDay }, (_none, index) => {
      const hour = 9 + Math.floor((index % perDay) * (5 / perDay));
      const minute = (index * 17 + repository.length * 3) % 60;
      const day = from - Math.floor(index / perDay);
      return {
        at: at(day, `${hour}:${minute}`),
        happen: () => pull(by, repository, tag),
      };
    }),
  );
  const afterRelease = [production, production, production, staging].map((by, index) => ({
    at: at(0, `13:${10 + index * 9}`),
    happen: () => pull(by, "payments/api", index % 2 === 0 ? "2.14.1" : "latest"),
  }));
  return [...regular, ...afterRelease];
}
