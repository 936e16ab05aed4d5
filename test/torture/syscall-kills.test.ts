import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { audit } from "../faults/support/audit.ts";
import {
  type Child,
  projectFolder,
  runCommand,
  spawnChild,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { type Client, createClient, statusOf } from "../faults/support/client.ts";
import { createLedger } from "../faults/support/ledger.ts";
import { createRandom } from "../faults/support/random.ts";
import { describeFaults, numberFrom } from "../faults/support/requirements.ts";
import { attach, fileOf, type Syscall } from "../faults/support/strace.ts";
import {
  createOperations,
  type Operation,
  type Place,
  repository,
} from "../faults/support/syscall-operations.ts";
import { keepFailure } from "../support/failures.ts";

/** All calls; else those that a seed picks, some of each kind in each place. */
const isAll = process.env["BERTH_TEST_SYSCALLS"] === "all";
const seed = numberFrom("BERTH_TEST_SEED", Math.floor(performance.timeOrigin % 2 ** 31));
/** Of the calls of one kind that a seed picks, the next comes at most so many after the last. */
const stepMax = 5;

/** Calls that change what is on the disk, and the one that sends the answer. */
const changing = [
  "openat",
  "pwrite64",
  "pwritev",
  "writev",
  "fdatasync",
  "fsync",
  "rename",
  "unlink",
  "ftruncate",
] as const;
/** No operation makes more calls of one kind; if one does, the enumeration has not ended. */
const callsMax = 400;

describeFaults("a kill at every system call", ["linux", "strace"], () => {
  const folder = temporaryFolder();
  const ledger = createLedger();
  const operations = createOperations(folder.path, ledger);
  const random = createRandom(seed);
  let child: Child | null = null;

  afterAll(async () => {
    await child?.kill();
    folder.remove();
  });
  beforeAll(async () => {
    child = await startChild({ data: folder.path });
    await operations.begin(createClient(child.url, ledger));
  });

  for (const operation of operations.all) {
    const { name, places, calls = changing, steps, wanted } = operation;
    const title = `in ${name}: nothing acknowledged is lost, nothing is half done`;
    test(isAll ? title : `${title} (BERTH_TEST_SEED=${seed})`, async () => {
      const hits: string[] = [];
      const attempt = async (call: string, when: number, place: Place | null) => {
        const hit = await killIn(operation, call, when, place);
        if (hit !== null) hits.push(hit);
        if (ledger.violations.length > 0) {
          const kept = { name: `syscalls-${hits.length}`, tree: projectFolder, data: folder.path };
          console.log(
            keepFailure({ ...kept, history: { name, hits, violations: ledger.violations } }),
          );
        }
        expect(ledger.violations).toEqual([]);
        return hit !== null;
      };
      for (const place of places) {
        const made = isAll ? null : await callsMade(operation, place);
        for (const call of calls) {
          if (made?.has(call) === false) continue;
          let when = 1;
          while (await attempt(call, when, place)) {
            const least = steps?.[call] ?? 1;
            when += isAll ? least : Math.max(least, 1 + random.below(stepMax));
            expect(when).toBeLessThan(callsMax);
          }
        }
      }
      // Before the answer leaves, and after everything else has been done.
      if (wanted.includes("sendto")) await attempt("sendto", 1, null);
      console.log(`${name}: killed at ${hits.length} calls: ${summary(hits)}`);
      console.log(`${hits.length} kills at system calls`);
      for (const one of wanted) expect(hits.filter((hit) => hit.startsWith(one))).not.toEqual([]);
    }, 240_000);
  }

  test("what is left passes berth verify, and no upload is left over", async () => {
    const client = createClient(child?.url ?? "", ledger);
    await audit(client, { whole: true, sessions: "kept" });
    await operations.auditSettings();
    for (const id of readdirSync(join(folder.path, "uploads"))) {
      await client.call("DELETE", `/v2/${repository}/blobs/uploads/${id}`);
    }
    expect(ledger.violations).toEqual([]);
    expect(readdirSync(join(folder.path, "uploads"))).toEqual([]);
    expect(await child?.stop()).toBe(0);
    const verified = await runCommand(folder.path, "verify");
    if (verified.code !== 0) throw new Error(verified.output);
  });

  /** Kills the process at the `when`th of those calls in the operation; says which it was, or null. */
  async function killIn(
    operation: Operation,
    calls: string,
    when: number,
    place: Place | null,
  ): Promise<string | null> {
    const filter = ["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=KILL:when=${when}`];
    const { server, traced, auditMore } = await traceRun(operation, place, filter);
    // However late the kill came: one that was hit answers nothing any more.
    if (await isServing(server)) {
      await auditMore?.(createClient(server.url, ledger));
      return null;
    }
    await server.exited;
    child = await startChild({ data: folder.path });
    const next = createClient(child.url, ledger);
    await auditMore?.(next);
    await audit(next, { whole: false, sessions: "kept" });
    await noLeftovers(next);
    return describeHit(traced.at(-1), calls);
  }

  /** Names of the calls that the operation makes there when nobody kills it. */
  async function callsMade(operation: Operation, place: Place): Promise<ReadonlySet<string>> {
    const filter = ["-e", `trace=${(operation.calls ?? changing).join(",")}`];
    const { server, traced, auditMore } = await traceRun(operation, place, filter);
    await auditMore?.(createClient(server.url, ledger));
    return new Set(traced.map((call) => call.name));
  }

  /** Runs the operation under strace, on the files of that place alone if one is given. */
  async function traceRun(operation: Operation, place: Place | null, filter: readonly string[]) {
    if (child === null) throw new Error("not started");
    const client = createClient(child.url, ledger);
    const { run, files, audit: auditMore } = await operation.prepare(client);
    if (operation.atStart) {
      await child.kill();
      child = await spawnChild({ data: folder.path });
    }
    const server = child;
    const paths = place === null ? [] : (files[place] ?? []);
    const trace = await attach(server.pid, [...paths.flatMap((file) => ["-P", file]), ...filter]);
    await run(server);
    // An operation that was answered may still be at work: dropping a file, for one.
    await Promise.race([server.exited, Bun.sleep(20)]);
    return { server, traced: await trace.detach(), auditMore };
  }

  async function isServing({ url }: Child): Promise<boolean> {
    try {
      return (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(10_000) })).ok;
    } catch {
      return false;
    }
  }

  /** Each staged file belongs to a session that is still there; what does not is removed at a start. */
  async function noLeftovers(client: Client): Promise<void> {
    let left: string[] = [];
    for (let tries = 0; tries < 100; tries++) {
      left = [];
      for (const id of readdirSync(join(folder.path, "uploads"))) {
        const outcome = await client.call("GET", `/v2/${repository}/blobs/uploads/${id}`);
        if (statusOf(outcome) !== 204) left.push(`uploads/${id} was left over`);
      }
      if (left.length === 0) return;
      await Bun.sleep(10);
    }
    ledger.violations.push(...left);
  }

  function describeHit(call: Syscall | undefined, calls: string): string {
    if (call === undefined) return calls;
    const file = fileOf(call);
    if (file.includes("/uploads/")) return `${call.name} upload`;
    if (file.includes("/blobs/sha256/")) return `${call.name} shard`;
    return `${call.name} ${file.split("/").at(-1)}`;
  }
});

function summary(hits: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const hit of hits) counts.set(hit, (counts.get(hit) ?? 0) + 1);
  return [...counts].map(([hit, count]) => `${count} ${hit}`).join(", ");
}
