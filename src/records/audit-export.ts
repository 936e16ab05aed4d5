import { isAllowed } from "../access/authorize.ts";
import type { ApiCall, Management } from "../access/endpoint.ts";
import { firstSeqAt } from "../audit/audit-search-store.ts";
import { listLinesFrom, readChain } from "../audit/audit-store.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { toAuditLine } from "./audit-line.ts";
import { principalNow } from "./still-may-store.ts";

/** Lines of one chunk: some 200 KB. */
const batch = 500;
/** How often a follower looks for what is new, and whether it may still be told. */
const followEveryMs = 1000;
/** An empty line goes out after so long without news, so that nothing on the way ends the connection. */
const keepAliveMs = 15_000;
/** Each asks the database once a second. */
const followersMax = 32;

export interface ExportOptions {
  /** Epoch milliseconds; `until` is not included. */
  readonly since: number | null;
  readonly until: number | null;
  /** Only lines after this number. */
  readonly after: number;
  readonly follow: boolean;
}

/**
 * The audit as NDJSON, oldest first: a line for each, then `{"head":"SEQ:HASH"}`. With `follow` what is
 * written later comes after that, each time followed by its head, until the reader goes away, may not
 * read it any more, or `until` is over. Reads as fast as the reader does.
 */
export async function exportAudit(
  deps: Management,
  call: ApiCall,
  options: ExportOptions,
): Promise<ReadableStream<Uint8Array>> {
  const { reads } = deps.db;
  if (options.follow) addFollower(deps);
  const gone = new AbortController();
  const letGo = () => {
    if (options.follow && !gone.signal.aborted) removeFollower(deps);
    gone.abort();
  };
  try {
    const first = options.since === null ? 1 : await firstSeqAt(reads, options.since);
    const chunks = exportChunks(
      deps,
      call,
      options,
      Math.max(first, options.after + 1),
      gone.signal,
    );
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await chunks.next();
            if (!done) return controller.enqueue(value);
            letGo();
            controller.close();
          } catch (error) {
            letGo();
            throw error;
          }
        },
        cancel: letGo,
      },
      { highWaterMark: 0 },
    );
  } catch (error) {
    letGo();
    throw error;
  }
}

async function* exportChunks(
  deps: Management,
  call: ApiCall,
  { until, follow }: ExportOptions,
  first: number,
  gone: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const { db, clock } = deps;
  let seq = first;
  let headSent = "";
  let quietSince = clock.monotonic();
  for (;;) {
    const chain = await readChain(db.reads);
    // What a power cut could still undo is not told of.
    await db.flush();
    while (seq <= chain.seq) {
      const rows = await listLinesFrom(db.reads, seq, chain.seq, batch);
      const wanted = until === null ? rows : rows.filter((row) => row.at < until);
      if (wanted.length > 0) yield encode(wanted.map(toAuditLine));
      const last = rows.at(-1);
      seq = last === undefined || wanted.length < rows.length ? chain.seq + 1 : last.seq + 1;
      quietSince = clock.monotonic();
    }
    const head = `${chain.seq}:${chain.hash}`;
    if (head !== headSent) yield encode([{ head: chain.seq === 0 ? null : head }]);
    headSent = head;
    if (!follow || (until !== null && clock.now() >= until)) return;
    await Bun.sleep(followEveryMs);
    if (gone.aborted || !(await mayFollow(deps, call))) return;
    if (clock.monotonic() - quietSince >= keepAliveMs) {
      yield encoder.encode("\n");
      quietSince = clock.monotonic();
    }
  }
}

const encoder = new TextEncoder();

function encode(values: readonly object[]): Uint8Array {
  return encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

/** Whether what was decided when the answer began still holds. */
async function mayFollow({ db, access, clock }: Management, call: ApiCall): Promise<boolean> {
  const principal = await principalNow(db.reads, call.principal, clock.now());
  if (principal === null) return false;
  const resource = { kind: "registry" } as const;
  return isAllowed(access, principal, "system:manage", resource, () => call.address);
}

const followers = new WeakMap<object, number>();

function addFollower({ db }: Management): void {
  const count = followers.get(db) ?? 0;
  if (count >= followersMax) {
    throw new RegistryError("TOOMANYREQUESTS", {
      message: `${followersMax} callers follow the audit already`,
      headers: { "retry-after": "60" },
    });
  }
  followers.set(db, count + 1);
}

function removeFollower({ db }: Management): void {
  followers.set(db, (followers.get(db) ?? 1) - 1);
}
