/**
 * Goal: whichever call of an operation finds no room, or a broken disk, nothing is acknowledged that is not
 * there, reads go on, and room alone makes writes work again. Method: strace has each call that changes the
 * disk fail once, one after the other, as long as there is a next one; then everything is read.
 */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { queryStore } from "../support/test-database.ts";
import { audit } from "./support/audit.ts";
import { type Child, runCommand, startChild, temporaryFolder } from "./support/child.ts";
import {
  type Client,
  createClient,
  deleteManifest,
  finishSession,
  imageOf,
  openSession,
  putManifest,
  statusOf,
  uploadBlob,
} from "./support/client.ts";
import { type Content, contentOf, createLedger, type Image } from "./support/ledger.ts";
import { bytesOf } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";
import { attach, fileOf, type Syscall } from "./support/strace.ts";
import { isSync } from "./support/wal.ts";

const repository = "writes/failing";
const changing = ["openat", "pwrite64", "pwritev", "fdatasync", "fsync", "rename", "ftruncate"];
/** All of them, also where each takes a start: `BERTH_TEST_WRITES=all`. */
const everyPage = process.env["BERTH_TEST_WRITES"] === "all";
/** No operation makes more calls of one kind, of which the background may add a few; if one does, the enumeration has not ended. */
const callsMax = 120;

/** A request whose calls fail: on which files, and whether it was acknowledged. */
interface Operation {
  readonly files: readonly (readonly string[])[];
  readonly run: () => Promise<boolean>;
}
type Prepare = (client: Client, data: string) => Promise<Operation>;

let number = 0;
const nextContent = (size: number): Content => contentOf(6_000_000 + number++, size);
const database = (data: string) => ["berth.db", "berth.db-wal"].map((name) => join(data, name));

const operations: readonly (readonly [string, Prepare])[] = [
  [
    "the end of an upload",
    async (client, data) => {
      const content = nextContent(90_000);
      const session = await openSession(client, repository, content);
      if (session === null) throw new Error("no upload");
      const shard = join(data, "blobs/sha256", content.digest.slice("sha256:".length).slice(0, 2));
      const upload = join(data, "uploads", session.location.split("/").at(-1) ?? "");
      return {
        files: [[upload], [shard], database(data)],
        run: () => finishSession(client, session, bytesOf(content.seed, content.size)),
      };
    },
  ],
  [
    "the push of a manifest",
    async (client, data) => {
      const { image } = await pushedBlobs(client);
      return {
        files: [database(data)],
        run: () => putManifest(client, repository, image, [`tag-${number}`, "moved"]),
      };
    },
  ],
  [
    "the deletion of a manifest",
    async (client, data) => {
      const { image } = await pushedBlobs(client);
      const tag = `gone-${number}`;
      if (!(await putManifest(client, repository, image, [tag]))) throw new Error("no push");
      return {
        files: [database(data)],
        run: () => deleteManifest(client, repository, image, [tag]),
      };
    },
  ],
];

async function pushedBlobs(client: Client): Promise<{ image: Image }> {
  const contents = [nextContent(200), nextContent(500)] as const;
  for (const content of contents) {
    if (!(await uploadBlob(client, repository, content, "post"))) throw new Error("no upload");
  }
  return { image: imageOf(contents[0], [contents[1]]) };
}

describeFaults("a call that fails", ["linux", "strace"], () => {
  for (const error of ["ENOSPC", "EIO"] as const) {
    for (const [name, prepare] of operations) {
      test(`with ${error}, any of ${name}: no false word, reads go on, nothing is lost`, async () => {
        const folder = temporaryFolder();
        try {
          const hits = await failEach(folder.path, error, prepare);
          console.log(`${error} in ${name}: ${hits.length} calls failed: ${summary(hits)}`);
          for (const wanted of ["pwrite64 berth.db-wal", "fdatasync berth.db-wal"]) {
            expect(hits).toContain(wanted);
          }
          const verified = await runCommand(folder.path, "verify");
          if (verified.code !== 0) throw new Error(verified.output);
        } finally {
          folder.remove();
        }
      }, 180_000);
    }
  }
});

describeFaults("bytes that the disk does not let go", ["linux", "strace"], () => {
  test("are named, keep no others, and go when it lets them", async () => {
    const folder = temporaryFolder();
    const data = folder.path;
    const ledger = createLedger();
    const child = await startChild({ data });
    try {
      const client = createClient(child.url, ledger);
      const { image } = await pushedBlobs(client);
      expect(await putManifest(client, repository, image, ["erased"])).toBe(true);
      expect(await deleteManifest(client, repository, image, ["erased"])).toBe(true);
      const [stuck, ...others] = image.blobs.map(({ digest }) => fileOfBlob(data, digest));
      if (stuck === undefined) throw new Error("no blob");
      const inject = "inject=unlink:error=EIO:when=1+";
      const trace = await attach(child.pid, ["-P", stuck, "-e", "trace=unlink", "-e", inject]);
      const units = (await queryStore(data, "select id from trash")).map(({ id }) => String(id));
      expect(await runCommand(data, "trash", "erase", units.join(","), "--yes")).toMatchObject({
        code: 0,
      });
      await until(async () => (await deletions(data)).some(({ error }) => error !== null));
      await until(async () => (await deletions(data)).length === 1);
      expect((await trace.detach()).some(({ injected }) => injected)).toBe(true);
      expect([stuck, ...others].map((file) => existsSync(file))).toEqual([true, false]);
      expect((await runCommand(data, "gc", "status")).output).toContain("EIO");
      expect(statusOf(await client.call("GET", "/readyz"))).toBe(200);

      // Which is a minute later.
      await queryStore(data, "update blob_deletions set due_at = 0");
      expect(await runCommand(data, "gc", "run")).toMatchObject({ code: 0 });
      await until(async () => (await deletions(data)).length === 0);
      expect(existsSync(stuck)).toBe(false);
      expect(ledger.violations).toEqual([]);
    } finally {
      await child.kill();
      folder.remove();
    }
  });
});

const deletions = (data: string) => queryStore(data, "select key, error from blob_deletions");

function fileOfBlob(data: string, digest: string): string {
  const hex = digest.slice("sha256:".length);
  const shard = join(data, "blobs/sha256", hex.slice(0, 2));
  const name = readdirSync(shard).find((each) => each.startsWith(hex));
  return join(shard, name ?? "");
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 50) {
    expect(waited).toBeLessThan(30_000);
    await Bun.sleep(50);
  }
}

/** Which calls failed. */
async function failEach(
  data: string,
  error: "ENOSPC" | "EIO",
  prepare: Prepare,
): Promise<string[]> {
  const ledger = createLedger();
  const hits: string[] = [];
  let child: Child = await startChild({ data });
  const clientOf = () => createClient(child.url, ledger, { excused: [503, 507] });
  const kept = await pushedBlobs(clientOf());
  expect(await putManifest(clientOf(), repository, kept.image, ["kept"])).toBe(true);

  async function attempt(call: string, when: number, place: number): Promise<boolean> {
    const client = clientOf();
    const { files, run } = await prepare(client, data);
    const on = (files[place] ?? []).flatMap((file) => ["-P", file]);
    const inject = `inject=${call}:error=${error}:when=${when}`;
    const trace = await attach(child.pid, [...on, "-e", `trace=${call}`, "-e", inject]);
    const acknowledged = await run();
    const failed = (await trace.detach()).find((traced) => traced.injected);
    if (failed === undefined) return false;
    hits.push(nameOf(failed));
    // Without its sync or its name what was pushed may be gone tomorrow.
    if (acknowledged && (isSync(failed) || failed.name === "rename")) {
      ledger.violations.push(`acknowledged, and ${nameOf(failed)} failed with ${error}`);
    }
    await expectReads(client, kept.image);
    await goOn(client);
    expect(ledger.violations).toEqual([]);
    return true;
  }

  /** A server that takes writes takes them at once; one that cannot trust its disk says so, and is started again. */
  async function goOn(client: Client): Promise<void> {
    if (statusOf(await client.call("GET", "/readyz")) === 200) {
      const { image } = await pushedBlobs(client);
      expect(await putManifest(client, repository, image, ["after"])).toBe(true);
      return;
    }
    await child.kill();
    child = await startChild({ data });
    await audit(clientOf(), { whole: false, sessions: "kept" });
  }

  try {
    const places = (await prepare(clientOf(), data)).files.length;
    for (let place = 0; place < places; place++) {
      for (const call of changing) {
        for (let when = 1; await attempt(call, when, place); when += stepAfter(error, when)) {
          expect(when).toBeLessThan(callsMax);
        }
      }
    }
    await child.kill();
    child = await startChild({ data });
    await audit(clientOf(), { whole: true, sessions: "kept" });
    expect(ledger.violations).toEqual([]);
    expect(await child.stop()).toBe(0);
    return hits;
  } finally {
    await child.kill();
  }
}

/** Pages of the log are much alike, and after each error of the disk the server is started again. */
function stepAfter(error: string, when: number): number {
  return error === "EIO" && !everyPage && when >= 4 ? 5 : 1;
}

async function expectReads(client: Client, image: Image): Promise<void> {
  const manifest = await client.call("GET", `/v2/${repository}/manifests/${image.digest}`);
  expect(statusOf(manifest)).toBe(200);
  for (const { digest } of image.blobs) {
    expect(statusOf(await client.call("GET", `/v2/${repository}/blobs/${digest}`))).toBe(200);
  }
}

function nameOf(call: Syscall): string {
  const file = fileOf(call);
  if (file.includes("/uploads/")) return `${call.name} upload`;
  if (basename(dirname(file)) === "sha256") return `${call.name} shard`;
  return `${call.name} ${basename(file)}`;
}

function summary(hits: readonly string[]): string {
  const counts = Map.groupBy(hits, (hit) => hit);
  return [...counts].map(([hit, all]) => `${all.length} ${hit}`).join(", ");
}
