import { createHmac } from "node:crypto";
import type { ApiCall, Endpoint, Management } from "../access/endpoint.ts";
import { conflict } from "../access/unknown.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { deleteKeysBefore, findKey, insertKey } from "./idempotency-store.ts";

/** How long the answer of a request is kept for whoever repeats it. */
const keptMs = 24 * 60 * 60 * 1000;
/** Rows removed in one transaction. */
const pruneRowsMax = 1_000;
/** What sealed answers are for: they open for nothing else. */
const purpose = "idempotency";

/** A request that may come again because its answer was lost on the way. */
export interface RepeatableRequest {
  readonly principal: string;
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/** Requests that bring an `Idempotency-Key` change something once, however often they are sent. */
export interface Idempotency {
  /**
   * The answer of the first request with that key, or that of `produce`. Throws 422 for another
   * request with the same key, 409 while the first one is under way.
   */
  once(
    asked: RepeatableRequest,
    endpoint: Endpoint,
    produce: (remember: ApiCall["remember"]) => Promise<unknown>,
  ): Promise<{ output: unknown; replayed: boolean }>;
}

export function createIdempotency(deps: Management): Idempotency {
  const { db, clock, secrets } = deps;
  // Requests hold passwords: a plain hash of them could be guessed by whoever reads the database.
  const hashKey = secrets.derive(purpose);
  const running = new Set<string>();

  function hashOf({ method, path, body }: RepeatableRequest): string {
    return createHmac("sha256", hashKey).update(`${method} ${path}\n`).update(body).digest("hex");
  }

  async function answerOf(asked: RepeatableRequest, hash: string) {
    const row = await findKey(db.reads, asked.principal, asked.key);
    if (row === null || row.created_at <= clock.now() - keptMs) return null;
    if (row.request_hash !== hash) {
      throw new RegistryError("DENIED", {
        status: 422,
        message: "this Idempotency-Key came with another request before: choose a new one",
      });
    }
    // The rows may be visible before they are on the disk.
    await db.settled();
    const text = secrets.open(row.answer, purpose);
    return { output: text === "" ? undefined : (JSON.parse(text) as unknown), replayed: true };
  }

  async function first(
    asked: RepeatableRequest,
    hash: string,
    endpoint: Endpoint,
    produce: (remember: ApiCall["remember"]) => Promise<unknown>,
  ) {
    const { principal, key } = asked;
    const output = await produce(async (tx, answer) => {
      const text = JSON.stringify(endpoint.output.parse(answer)) ?? "";
      const now = clock.now();
      const row = {
        principal_id: principal,
        key,
        request_hash: hash,
        answer: secrets.seal(text, purpose),
        created_at: now,
      };
      const isFirst = await insertKey(tx, row, now - keptMs);
      if (!isFirst) throw underWay();
    });
    return { output, replayed: false };
  }

  return {
    async once(asked, endpoint, produce) {
      if (!/^[\x21-\x7e]{1,255}$/.test(asked.key)) {
        throw new RegistryError("UNSUPPORTED", {
          status: 400,
          message: "an Idempotency-Key has 1 to 255 visible ASCII characters",
        });
      }
      const name = `${asked.principal} ${asked.key}`;
      if (running.has(name)) throw underWay();
      running.add(name);
      try {
        const hash = hashOf(asked);
        return (await answerOf(asked, hash)) ?? (await first(asked, hash, endpoint, produce));
      } finally {
        running.delete(name);
      }
    },
  };
}

/** Forgets answers that are older than a day. Returns how many. To be called now and then. */
export async function pruneIdempotencyKeys({ db, clock }: Management): Promise<number> {
  let pruned = 0;
  for (;;) {
    const count = await db.transactionUnsynced((tx) =>
      deleteKeysBefore(tx, clock.now() - keptMs, pruneRowsMax),
    );
    pruned += count;
    if (count < pruneRowsMax) return pruned;
  }
}

function underWay(): RegistryError {
  return conflict("a request with this Idempotency-Key is under way");
}
