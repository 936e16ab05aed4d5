/**
 * Goal: a start that brings an older store up to date may be killed anywhere, and the next one goes on.
 * Method: a store of an earlier commit, a copy for each kill; the program of today is killed with strace at
 * calls spread over all that write its database until it serves. Then it starts again and has the same
 * tables as one that nobody killed, and everything that the older program acknowledged.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unpackOlderRelease, whyNoOlderRelease } from "../nodes/older-release.ts";
import { queryStore } from "../support/test-database.ts";
import { audit } from "./support/audit.ts";
import {
  type Child,
  runCommand,
  spawnChild,
  startChild,
  temporaryFolder,
} from "./support/child.ts";
import {
  appendChunk,
  createClient,
  deleteManifest,
  imageOf,
  openSession,
  putManifest,
  uploadBlob,
} from "./support/client.ts";
import { contentOf, copyLedger, createLedger, type Ledger } from "./support/ledger.ts";
import { describeFaults } from "./support/requirements.ts";
import { attach, type Syscall } from "./support/strace.ts";

const repository = "kills/older";
/** What writes the database, and at how many of each to kill. */
const killsOf = { pwrite64: 8, fdatasync: 4 };
const calls = Object.keys(killsOf) as (keyof typeof killsOf)[];
const readyMsMax = 30_000;

const why = whyNoOlderRelease();

// Not an error where CI=true either: a shallow copy of the history is as good for everything else.
describe.skipIf(why !== null)(why === null ? "an upgrade" : `an upgrade (skipped: ${why})`, () => {
  describeFaults("killed at its system calls", ["linux", "strace"], () => {
    const folder = temporaryFolder();
    const older = join(folder.path, "older");
    const ledger = createLedger();
    let number = 0;

    beforeAll(async () => {
      const program = await unpackOlderRelease();
      try {
        const child = await startChild({ data: older, program: program.path });
        await fill(child, ledger);
        await child.kill();
        // It is made anew at a start; as a socket it cannot be copied.
        rmSync(join(older, "control.sock"), { force: true });
      } finally {
        program.remove();
      }
    });
    afterAll(() => folder.remove());

    test("goes on at the next start, and has all that was acknowledged", async () => {
      const unharmed = await upgrade(null);
      const tables = await tablesOf(unharmed.data);
      const hits: string[] = [];
      for (const call of calls) {
        const count = mostOfOneThread(unharmed.traced, call);
        const kills = Math.min(killsOf[call], count);
        for (let kill = 0; kill < kills; kill++) {
          const when = 1 + Math.floor((kill * count) / kills);
          const { data, isKilled } = await upgrade({ call, when });
          if (isKilled) hits.push(call);
          await opens(data, ledger);
          expect(await tablesOf(data)).toEqual(tables);
        }
      }
      const verified = await runCommand(join(folder.path, `${number - 1}`), "verify");
      if (verified.code !== 0) throw new Error(verified.output);
      const seen = calls.map((call) => {
        const kills = hits.filter((hit) => hit === call).length;
        return `${kills} of ${unharmed.traced.filter(({ name }) => name === call).length} ${call}`;
      });
      console.log(`an upgrade: killed at ${seen.join(", ")}`);
      console.log(`${hits.length} kills at system calls`);
      expect(hits).toContain("pwrite64");
      expect(hits).toContain("fdatasync");
    }, 240_000);

    /** A copy of the older store that today's program takes over until it serves, or is killed. */
    async function upgrade(kill: { call: string; when: number } | null) {
      const data = join(folder.path, `${number++}`);
      cpSync(older, data, { recursive: true });
      const child = await spawnChild({ data });
      const inject = kill && `inject=${kill.call}:signal=KILL:when=${kill.when}`;
      const trace = await attach(child.pid, [
        ...["berth.db", "berth.db-wal"].flatMap((name) => ["-P", join(data, name)]),
        ...["-e", `trace=${kill?.call ?? calls.join()}`, ...(inject ? ["-e", inject] : [])],
      ]);
      const isKilled = !(await serves(child));
      const traced = await trace.detach();
      await child.kill();
      return { data, traced, isKilled };
    }
  });
});

async function fill(child: Child, ledger: Ledger): Promise<void> {
  const client = createClient(child.url, ledger);
  for (let i = 0; i < 6; i++) {
    const [config, layer] = [
      contentOf(6_000_000 + 2 * i, 200),
      contentOf(6_000_001 + 2 * i, 3_000),
    ];
    for (const content of [config, layer]) await uploadBlob(client, repository, content, "chunks");
    const image = imageOf(config, [layer]);
    await putManifest(client, repository, image, [`v${i}`, "latest"]);
    if (i === 0) await deleteManifest(client, repository, image, ["v0"]);
  }
  const session = await openSession(client, repository, contentOf(6_100_000, 50_000));
  if (session === null || !(await appendChunk(client, session, 20_000))) {
    throw new Error("no upload");
  }
}

async function opens(data: string, acknowledged: Ledger): Promise<void> {
  const ledger = copyLedger(acknowledged);
  const child = await startChild({ data });
  try {
    await audit(createClient(child.url, ledger), { whole: true, sessions: "kept" });
    expect(ledger.violations).toEqual([]);
    expect(await child.stop()).toBe(0);
  } finally {
    await child.kill();
  }
}

/** False where it ended before. */
async function serves(child: Child): Promise<boolean> {
  let isOver = false;
  void child.exited.then(() => {
    isOver = true;
  });
  for (let waited = 0; waited < readyMsMax && !isOver; waited += 20) {
    const answer = await fetch(`${child.url}/readyz`).catch(() => null);
    if (answer?.ok) return true;
    await Bun.sleep(20);
  }
  return false;
}

/** strace counts for each thread by itself. */
function mostOfOneThread(traced: readonly Syscall[], call: string): number {
  const own = Map.groupBy(
    traced.filter(({ name }) => name === call),
    ({ thread }) => thread,
  );
  return Math.max(0, ...[...own.values()].map(({ length }) => length));
}

async function tablesOf(data: string): Promise<unknown> {
  const tables = "select name, sql from sqlite_master where sql is not null order by name";
  const done = await queryStore(data, "select name from migrations order by name");
  return [await queryStore(data, tables), done];
}
