import type { PreparedRead } from "./database.ts";
import { isAway } from "./database-away.ts";

/** Batches of one text on their way at a time. */
const inFlightMax = 4;
/** While one is on its way, the next one waits for its end, or for so many reads. */
const enough = 16;
const batchMax = 100;

/** Runs a statement; returns its rows. */
export type Send = (text: string, values: readonly unknown[]) => Promise<readonly unknown[]>;

type Params = readonly (string | number)[];

/** Those that ask for the same. */
interface Asked {
  readonly params: Params;
  readonly askers: { tell(row: unknown): void; fail(error: unknown): void }[];
}

/** When the first of several is sent: what comes before that goes with it. */
type Soon = (work: () => void) => void;

/**
 * A read of at most one row, by positional parameters `?1`. One that comes alone is sent `soon`. Those
 * that come while another is on its way are sent together, as one statement, after all of them
 * began: each sees what it would see alone. At 32 requests at a time that takes a third of the
 * processor time, here and on the server.
 */
export function batchedRead<Row>(
  text: string,
  send: Send,
  soon: Soon = (work) => work(),
): PreparedRead<Row> {
  const own = text.replaceAll(/\?(\d+)/g, "$$$1");
  const ofMany = textOfMany(text);
  const waiting = new Map<string, Asked>();
  let inFlight = 0;
  let isDue = false;

  const rowOf = async (params: Params) => (await send(own, params))[0] ?? null;

  async function answerAlone({ params, askers }: Asked): Promise<void> {
    try {
      const row = await rowOf(params);
      for (const { tell } of askers) tell(row);
    } catch (error) {
      for (const { fail } of askers) fail(error);
    }
  }

  async function answerAll(batch: readonly Asked[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    if (batch.length === 1) return await answerAlone(first);
    const lists = first.params.map((_, at) => batch.map(({ params }) => params[at]));
    try {
      const rows = new Map<number, unknown>();
      for (const each of await send(ofMany, lists)) {
        const { batch_position: position, ...row } = each as { batch_position: number };
        rows.set(position, row);
      }
      for (const [at, { askers }] of batch.entries()) {
        for (const { tell } of askers) tell(rows.get(at + 1) ?? null);
      }
    } catch (error) {
      // What is wrong with one of them is no answer to the others; a server that is away is one to all.
      if (isAway(error)) {
        for (const { askers } of batch) for (const { fail } of askers) fail(error);
      } else await Promise.all(batch.map(answerAlone));
    }
  }

  async function sendWaiting(): Promise<void> {
    inFlight += 1;
    while (waiting.size > 0) await answerAll(takeBatch());
    inFlight -= 1;
  }

  function sendSoon(): void {
    if (isDue) return;
    isDue = true;
    soon(() => {
      isDue = false;
      void sendWaiting();
    });
  }

  function takeBatch(): Asked[] {
    const batch: Asked[] = [];
    for (const [key, asked] of waiting) {
      if (batch.length === batchMax) break;
      batch.push(asked);
      waiting.delete(key);
    }
    return batch;
  }

  return (...params) => {
    // A list of texts is what the parameters of a batch are.
    if (!params.every((param) => typeof param === "string")) return rowOf(params) as Promise<Row>;
    return new Promise<Row | null>((resolve, reject) => {
      const key = params.join("\0");
      const asker = { tell: resolve as (row: unknown) => void, fail: reject };
      const same = waiting.get(key);
      if (same !== undefined) {
        same.askers.push(asker);
        return;
      }
      waiting.set(key, { params, askers: [asker] });
      if (waiting.size >= enough && inFlight < inFlightMax) void sendWaiting();
      else if (inFlight === 0) sendSoon();
    });
  };
}

/**
 * The limit keeps the planner from joining whole tables: each row is looked up by itself. And the lists are
 * hidden from it in queries of their own: seeing how short they are, it made a new plan for each batch, which
 * took five times as long as to run it.
 */
function textOfMany(text: string): string {
  const count = Math.max(0, ...[...text.matchAll(/\?(\d+)/g)].map(([, number]) => Number(number)));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const lists = numbers.map((number) => `(select $${number}::text[])`).join(", ");
  const names = [...numbers.map((number) => `p${number}`), "batch_position"].join(", ");
  return `select asked.batch_position, found.*
    from unnest(${lists}) with ordinality as asked(${names})
    cross join lateral
      (select * from (${text.replaceAll(/\?(\d+)/g, "asked.p$1")}) as one limit 1) as found`;
}
