import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSharedCommits, type SharedCommits } from "./shared-commits.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-commits-"));
  path = join(folder, "commits");
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** One of the processes, whose syncs end when the test says so. */
function open(isParent: boolean) {
  const syncs: { end(): void; fail(error: Error): void }[] = [];
  let turns = 0;
  const commits: SharedCommits = openSharedCommits({
    path,
    isParent,
    sync: () =>
      new Promise<void>((resolve, reject) => {
        syncs.push({ end: resolve, fail: reject });
      }),
    async takeTurn() {
      turns += 1;
      commits.locked();
    },
  });
  return {
    commits,
    /** The sync with this number, once it has begun. */
    async sync(number: number) {
      for (;;) {
        const begun = syncs[number];
        if (begun !== undefined) return begun;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    get turns() {
      return turns;
    },
  };
}

function commit({ commits }: { commits: SharedCommits }, isAwaited = true): number {
  commits.locked();
  const number = commits.begin(isAwaited);
  commits.end(number);
  return number;
}

async function isPending(promise: Promise<unknown> | null): Promise<boolean> {
  if (promise === null) return false;
  let pending = true;
  promise.then(
    () => (pending = false),
    () => (pending = false),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

test("what one process has not synced is uncertain to all, until any of them has", async () => {
  const one = open(true);
  const other = open(false);
  expect(one.commits.settled()).toBeNull();
  const number = commit(one);
  const durable = one.commits.durable(number);
  const settled = other.commits.settled();
  expect(await isPending(settled)).toBe(true);
  (await other.sync(0)).end();
  await settled;
  expect(one.commits.settled()).toBeNull();
  expect(other.commits.settled()).toBeNull();
  (await one.sync(0)).end();
  await durable;
});

test("a commit is uncertain from before it can be seen", () => {
  const one = open(true);
  const other = open(false);
  one.commits.locked();
  one.commits.begin(true);
  expect(other.commits.settled()).not.toBeNull();
});

test("a sync that began before a commit returned does not count for it", async () => {
  const one = open(true);
  const other = open(false);
  const first = commit(one);
  const durable = one.commits.durable(first);
  const sync = await one.sync(0);
  const second = commit(other);
  sync.end();
  await durable;
  const settled = one.commits.settled();
  expect(await isPending(settled)).toBe(true);
  (await one.sync(1)).end();
  await settled;
  expect(await isPending(other.commits.durable(second))).toBe(false);
});

test("one that died in a commit keeps nobody waiting", async () => {
  const one = open(true);
  const other = open(false);
  one.commits.locked();
  one.commits.begin(true);
  const settled = other.commits.settled();
  const sync = await other.sync(0);
  expect(other.turns).toBe(1);
  sync.end();
  await settled;
  expect(one.commits.settled()).toBeNull();
});

test("nobody waits for one that is not awaited, but for one that is behind it", async () => {
  const one = open(true);
  const other = open(false);
  commit(one, false);
  expect(other.commits.settled()).toBeNull();
  commit(one);
  expect(await isPending(other.commits.settled())).toBe(true);
});

test("the version is none while another process commits, and then another one", () => {
  const one = open(true);
  const other = open(false);
  for (const isAwaited of [true, false]) {
    const before = other.commits.version();
    expect(one.commits.version()).toBe(before);
    one.commits.locked();
    const number = one.commits.begin(isAwaited);
    expect(other.commits.version()).toBeNaN();
    one.commits.end(number);
    expect(other.commits.version()).toBeGreaterThan(before);
  }
});

test("a sync that failed makes nothing certain", async () => {
  const one = open(true);
  const other = open(false);
  const durable = one.commits.durable(commit(one));
  (await one.sync(0)).fail(new Error("EIO"));
  expect(await durable.catch((error: Error) => error.message)).toBe("EIO");
  expect(await isPending(other.commits.settled())).toBe(true);
});

test("more commits than a number counts", async () => {
  const last = 2 ** 31 - 1;
  writeFileSync(path, new Uint8Array(new Int32Array(1024).fill(last, 0, 4).buffer));
  const one = open(false);
  const other = open(false);
  expect(other.commits.settled()).toBeNull();
  for (let count = 0; count < 2; count++) {
    const durable = one.commits.durable(commit(one));
    expect(await isPending(durable)).toBe(true);
    (await one.sync(count)).end();
    await durable;
    expect(other.commits.settled()).toBeNull();
  }
});
