import { afterAll, beforeAll, expect, test } from "bun:test";
import { childrenOf } from "../support/processes.ts";
import { queryStore } from "../support/test-database.ts";
import { type Child, runCommand, startChild, temporaryFolder } from "./support/child.ts";
import {
  type Client,
  createClient,
  deleteManifest,
  deleteTag,
  finishSession,
  imageOf,
  openSession,
  putManifest,
  uploadBlob,
} from "./support/client.ts";
import { type Content, contentOf, createLedger, type Image } from "./support/ledger.ts";
import { bytesOf } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";
import { attach, fileOf, type Syscall } from "./support/strace.ts";
import { type Commit, commitsOf, isSync, isWal, restartsWal, syncOf } from "./support/wal.ts";

const pushes = 100;
/** Beyond the time after which Berth checkpoints a log at rest. */
const checkpointMs = 3_000;
const traced = "trace=pwrite64,pwritev,writev,fdatasync,fsync,rename,renameat,renameat2,sendto";
const traceArgs = ["-s", "4200", "-e", traced];
const syncDelayMs = 400;
/** Longer than it takes until bytes that are to go at once are looked for. */
const longSyncDelayMs = 8_000;

describeFaults("what is on the disk before the answer", ["linux", "strace"], () => {
  const folder = temporaryFolder();
  const ledger = createLedger();
  let child: Child;
  let client: Client;
  beforeAll(async () => {
    child = await startChild({ data: folder.path });
    client = createClient(child.url, ledger);
  });
  afterAll(async () => {
    await child?.kill();
    folder.remove();
  });

  test(`${pushes} pushes, across checkpoints and restarts of the log`, async () => {
    const trace = await attach(child.pid, traceArgs);
    const images: PushedImage[] = [];
    for (const [count, atOnce] of [
      [20, 1],
      [40, 8],
      [40, 16],
    ] as const) {
      images.push(...(await pushMany(client, images.length, count, atOnce)));
      await Bun.sleep(checkpointMs);
    }
    const calls = await trace.detach();
    expect(ledger.violations).toEqual([]);
    const commits = commitsOf(calls);
    const faults = images.flatMap((pushed) => [
      ...pushed.blobs.flatMap((blob) => faultsOfBlob(calls, commits, blob)),
      ...faultsOfManifest(calls, commits, pushed),
    ]);
    expect(faults).toEqual([]);
    expect(faultsOfCheckpoints(calls)).toEqual([]);
    expect(images).toHaveLength(pushes);
    expect(calls.filter(restartsWal).length).toBeGreaterThanOrEqual(2);
  }, 120_000);

  for (const visible of visibleChanges) {
    test(`${visible.name} is not seen before it is durable`, async () => {
      await notSeenEarly(client, child.pid, visible);
    });
  }

  test("a list that began before a commit does not tell of it before it is durable", async () => {
    const repository = "seen/between";
    const image = await pushImage(client, repository, "before", 7_000_000);
    const delay = `inject=fdatasync:delay_enter=${syncDelayMs * 1000}`;
    for (const path of [`/v2/${repository}/tags/list`, `/v2/${repository}/tags/list?n=10`]) {
      const trace = await attach(child.pid, [...traceArgs, "-e", delay]);
      const name = `late${path.length}`;
      const first = putManifest(client, repository, image, [`first${path.length}`]);
      await Bun.sleep(syncDelayMs / 4);
      const list = client.call("GET", path);
      await Bun.sleep(syncDelayMs / 4);
      const second = putManifest(client, repository, image, [name]);
      await Promise.all([first, list, second]);
      const calls = await trace.detach();
      const late = commitsOf(calls).find(({ pages }) => pages.some((page) => page.includes(name)));
      const sync = late === undefined ? null : syncOf(calls, late);
      if (sync === null) throw new Error("no commit with its sync was traced");
      const told = calls.filter((call) => isAnswer(call) && call.args.includes(`\\"${name}\\"`));
      expect(told.filter((call) => call.begun < sync.ended).length).toBe(0);
    }
  });

  test("bytes of what was erased stay until the erasure is durable", async () => {
    const repository = "erased/bytes";
    const image = await pushImage(client, repository, "v1", 8_000_000);
    expect(await deleteManifest(client, repository, image, ["v1"])).toBe(true);
    const [unit] = await queryStore(
      folder.path,
      "select id from trash where digest = ?",
      image.digest,
    );
    const delay = `inject=fdatasync,fsync:delay_enter=${longSyncDelayMs * 1000}`;
    const calling = `${traced},unlink,unlinkat`;
    const trace = await attach(child.pid, ["-s", "4200", "-e", calling, "-e", delay]);
    const asked = ["trash", "erase", String(unit?.["id"]), "--yes"];
    expect(await runCommand(folder.path, ...asked)).toMatchObject({ code: 0 });
    const removals = (calls: readonly Syscall[]) =>
      calls.filter(({ name, args }) => name.startsWith("unlink") && args.includes("/blobs/"));
    for (let waited = 0; removals(trace.read()).length < image.blobs.length; waited += 200) {
      expect(waited).toBeLessThan(5 * longSyncDelayMs);
      await Bun.sleep(200);
    }
    const calls = await trace.detach();
    const commits = commitsOf(calls);
    for (const removal of removals(calls)) {
      const [key = removal.args] = /sha256\/[^"]+/.exec(removal.args) ?? [];
      const commit = commits.find(({ pages }) => pages.some((page) => page.includes(key)));
      const sync = commit === undefined ? null : syncOf(calls, commit);
      expect(inOrder(`${key}: fdatasync of the log`, sync ?? undefined, removal)).toEqual([]);
    }
  });
});

describeFaults(
  "what is on the disk before another process tells of it",
  ["linux", "strace"],
  () => {
    const folder = temporaryFolder();
    const tellers = new Set<number>();
    let child: Child;
    let client: Client;
    beforeAll(async () => {
      child = await startChild({ data: folder.path, env: { BERTH_SERVER_PROCESSES: "2" } });
      client = createClient(child.url, createLedger());
    });
    afterAll(async () => {
      await child?.kill();
      folder.remove();
    });

    for (const visible of visibleChanges) {
      test(`${visible.name} is not seen before it is durable`, async () => {
        const told = await notSeenEarly(client, child.pid, visible);
        for (const { thread } of told) tellers.add(thread);
      });
    }

    test("both processes answered", () => {
      expect([...tellers].sort()).toEqual(childrenOf(child.pid).sort());
    });
  },
);

/** Makes the change while each sync is delayed and others read. Returns the answers that told of it. */
async function notSeenEarly(client: Client, pid: number, visible: Visible): Promise<Syscall[]> {
  const { method = "GET", path, change, witness } = await visible.prepare(client);
  const delay = `inject=fdatasync:delay_enter=${syncDelayMs * 1000}`;
  const trace = await attach(pid, [...traceArgs, "-e", delay], childrenOf(pid));
  let over = false;
  const readers = Array.from({ length: 3 }, async () => {
    while (!over) {
      await client.call(method, path);
      await Bun.sleep(5);
    }
  });
  const done = await change();
  await Bun.sleep(50);
  over = true;
  await Promise.all(readers);
  const calls = await trace.detach();
  expect(done).toBe(true);
  const [commit] = commitsOf(calls);
  const sync = commit === undefined ? null : syncOf(calls, commit);
  if (sync === null) throw new Error("no commit with its sync was traced");
  const told = calls.filter((call) => isAnswer(call) && witness.test(call.args));
  const early = told.filter((call) => call.begun < sync.ended);
  expect(early.map((call) => call.args.slice(0, 80)).slice(0, 3)).toEqual([]);
  expect(told.length).toBeGreaterThanOrEqual(readers.length);
  return told;
}

interface PushedImage {
  readonly image: Image;
  readonly tag: string;
  readonly blobs: readonly Content[];
}

async function pushMany(
  client: Client,
  from: number,
  count: number,
  atOnce: number,
): Promise<PushedImage[]> {
  const pushed: PushedImage[] = [];
  let next = from;
  const pusher = async () => {
    while (next < from + count) {
      const number = next++;
      const tag = `tag-of-${number}-end`;
      const image = await pushImage(client, "ordered/pushes", tag, 10 * number);
      pushed.push({ image, tag, blobs: image.blobs });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, pusher));
  return pushed;
}

async function pushImage(
  client: Client,
  repository: string,
  tag: string,
  seed: number,
): Promise<Image> {
  const contents = [contentOf(seed + 1, 300), contentOf(seed + 2, 70_000), contentOf(seed + 3, 40)];
  const ways = ["post", "chunks", "put"] as const;
  for (const [at, content] of contents.entries()) {
    const way = ways[(at + seed) % ways.length] ?? "post";
    if (!(await uploadBlob(client, repository, content, way))) throw new Error("upload refused");
  }
  const [config, ...layers] = contents;
  if (config === undefined) throw new Error("no config");
  const image = imageOf(config, layers);
  if (!(await putManifest(client, repository, image, [tag]))) throw new Error("push refused");
  return image;
}

function isAnswer(call: Syscall): boolean {
  return call.name === "sendto" && call.args.includes('"HTTP/1.1 ');
}

/** fdatasync(upload) < rename < fsync(folder) < commit < fdatasync(-wal) < the answer. */
function faultsOfBlob(
  calls: readonly Syscall[],
  commits: readonly Commit[],
  { digest }: Content,
): string[] {
  const hex = digest.slice("sha256:".length);
  const renamed = calls.find((call) => call.name.startsWith("rename") && call.args.includes(hex));
  if (renamed === undefined) return [`${digest}: no rename`];
  const upload = fileOf(renamed);
  const shard = `/blobs/sha256/${hex.slice(0, 2)}`;
  const written = calls.filter((call) => call.name.includes("write") && fileOf(call) === upload);
  const lastWrite = Math.max(...written.map((call) => call.ended));
  const data = calls.find((call) => {
    return isSync(call) && fileOf(call) === upload && call.begun > lastWrite;
  });
  const name = calls.find((call) => {
    return call.name === "fsync" && fileOf(call).endsWith(shard) && call.begun > renamed.ended;
  });
  const answer = calls.find((call) => {
    return (
      isAnswer(call) && call.args.includes("201 Created") && call.args.includes(`/blobs/${digest}`)
    );
  });
  return [
    ...inOrder(`${digest}: fdatasync of the upload before its rename`, data, renamed),
    ...inOrder(`${digest}: rename before fsync of its folder`, renamed, name),
    ...faultsOfCommit(calls, commits, { marker: digest, after: name, answer }),
  ];
}

function faultsOfManifest(
  calls: readonly Syscall[],
  commits: readonly Commit[],
  { tag }: PushedImage,
): string[] {
  const answer = calls.find((call) => {
    return (
      isAnswer(call) &&
      call.args.includes("201 Created") &&
      call.args.includes(`/manifests/${tag}\\r`)
    );
  });
  return faultsOfCommit(calls, commits, { marker: tag, after: undefined, answer });
}

function faultsOfCommit(
  calls: readonly Syscall[],
  commits: readonly Commit[],
  push: { marker: string; after: Syscall | undefined; answer: Syscall | undefined },
): string[] {
  const { marker, after, answer } = push;
  const commit = commits.find(({ pages }) => pages.some((page) => page.includes(marker)));
  if (commit === undefined) return [`${marker}: no commit`];
  const sync = syncOf(calls, commit);
  const early = after !== undefined && commit.begun < after.ended;
  return [
    ...(early ? [`${marker}: committed before its bytes were durable`] : []),
    ...inOrder(`${marker}: fdatasync of the log before the answer`, sync ?? undefined, answer),
  ];
}

function inOrder(what: string, first: Syscall | undefined, then: Syscall | undefined): string[] {
  if (first === undefined || then === undefined) return [`${what}: was not seen`];
  if (first.result.startsWith("-1")) return [`${what}: failed`];
  return first.ended < then.begun ? [] : [`${what}: line ${first.ended}, then ${then.begun}`];
}

/** The log is durable before it is copied, and the database before the log starts over. */
function faultsOfCheckpoints(calls: readonly Syscall[]): string[] {
  const faults: string[] = [];
  let logSyncedSinceRest = false;
  let copied = -1;
  let databaseSynced = -1;
  for (const call of calls) {
    const database = fileOf(call).endsWith("/berth.db");
    if (isWal(call) && isSync(call)) logSyncedSinceRest = true;
    if (database && call.name === "pwrite64") {
      if (!logSyncedSinceRest) faults.push(`line ${call.begun}: copied before the log was synced`);
      copied = call.ended;
    }
    if (database && isSync(call)) databaseSynced = call.begun;
    if (restartsWal(call) && copied > databaseSynced) {
      faults.push(`line ${call.begun}: the log starts over before the database was synced`);
    }
  }
  return faults;
}

interface Change {
  readonly method?: "HEAD";
  /** Read over and over while `change` is made; `witness` shows in answers that saw it. */
  readonly path: string;
  readonly witness: RegExp;
  readonly change: () => Promise<boolean>;
}

interface Visible {
  readonly name: string;
  readonly prepare: (client: Client) => Promise<Change>;
}

const visibleChanges: readonly Visible[] = [
  {
    name: "a tag that moved",
    async prepare(client) {
      const repository = "seen/moved";
      await pushImage(client, repository, "latest", 1_000_000);
      const next = await pushImage(client, repository, "other", 1_000_100);
      return {
        path: `/v2/${repository}/manifests/latest`,
        witness: new RegExp(`docker-content-digest: ${next.digest}`, "i"),
        change: () => putManifest(client, repository, next, ["latest"]),
      };
    },
  },
  {
    name: "a tag that was deleted",
    async prepare(client) {
      const repository = "seen/deleted-tag";
      await pushImage(client, repository, "gone", 1_000_200);
      return {
        path: `/v2/${repository}/manifests/gone`,
        witness: /HTTP\/1\.1 404/,
        change: () => deleteTag(client, repository, "gone"),
      };
    },
  },
  {
    name: "a manifest that was deleted with its tag",
    async prepare(client) {
      const repository = "seen/deleted-manifest";
      const image = await pushImage(client, repository, "gone", 1_000_300);
      return {
        path: `/v2/${repository}/manifests/gone`,
        witness: /HTTP\/1\.1 404/,
        change: () => deleteManifest(client, repository, image, ["gone"]),
      };
    },
  },
  {
    name: "a tag in the list",
    async prepare(client) {
      const repository = "seen/listed";
      const image = await pushImage(client, repository, "first", 1_000_400);
      return {
        path: `/v2/${repository}/tags/list`,
        witness: /new-in-the-list/,
        change: () => putManifest(client, repository, image, ["new-in-the-list"]),
      };
    },
  },
  {
    name: "a repository in the catalog",
    async prepare(client) {
      const repository = "seen/new-in-the-catalog";
      const config = contentOf(1_000_500, 100);
      await uploadBlob(client, repository, config, "post");
      return {
        path: "/v2/_catalog",
        witness: new RegExp(repository),
        change: () => putManifest(client, repository, imageOf(config, []), ["first"]),
      };
    },
  },
  {
    name: "a blob, of which a push asks whether it is there,",
    async prepare(client) {
      const repository = "seen/blob";
      const content = contentOf(1_000_600, 5_000);
      const session = await openSession(client, repository, content);
      if (session === null) throw new Error("no upload");
      return {
        method: "HEAD",
        path: `/v2/${repository}/blobs/${content.digest}`,
        witness: /HTTP\/1\.1 200/,
        change: () => finishSession(client, session, bytesOf(content.seed, content.size)),
      };
    },
  },
];
