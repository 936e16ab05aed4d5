import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { askOperator, operatorGets } from "../support/operator.ts";
import { audit } from "./support/audit.ts";
import { type Child, runCommand, startChild, temporaryFolder } from "./support/child.ts";
import {
  appendChunk,
  type Client,
  createClient,
  deleteManifest,
  finishSession,
  imageOf,
  mountBlob,
  openSession,
  putManifest,
  statusOf,
  uploadBlob,
} from "./support/client.ts";
import { begin, type Content, contentOf, createLedger, type Image } from "./support/ledger.ts";
import { bytesOf } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";
import { attach, fileOf, type Syscall } from "./support/strace.ts";

const repository = "kills/syscalls";
const source = "kills/source";
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
const callsMax = 100;

const places = ["upload", "shard", "database"] as const;
type Place = (typeof places)[number];

/** A request to be killed in: `run` sends it, on files that are named before. */
interface Operation {
  readonly run: () => Promise<unknown>;
  readonly files: Readonly<Record<Place, readonly string[]>>;
}

describeFaults("a kill at every system call", ["linux", "strace"], () => {
  const folder = temporaryFolder();
  const ledger = createLedger();
  let child: Child | null = null;
  let number = 0;

  afterAll(async () => {
    await child?.kill();
    folder.remove();
  });
  beforeAll(async () => {
    child = await startChild({ data: folder.path });
  });

  const operations: Record<string, (client: Client) => Promise<Operation>> = {
    "finishing a chunked upload": async (client) => {
      const content = nextContent(70_000);
      const session = await openSession(client, repository, content);
      if (session === null) throw new Error("no upload");
      for (let i = 0; i < 2; i++) await appendChunk(client, session, 35_000);
      const upload = join(folder.path, "uploads", session.location.split("/").at(-1) ?? "");
      return {
        run: () => finishSession(client, session),
        files: { upload: [upload], shard: [shardOf(content)], database: database() },
      };
    },
    "an upload whose bytes come at the end": async (client) => {
      const content = nextContent(3_000);
      const session = await openSession(client, repository, content);
      if (session === null) throw new Error("no upload");
      const upload = join(folder.path, "uploads", session.location.split("/").at(-1) ?? "");
      return {
        run: () => finishSession(client, session, bytesOf(content.seed, content.size)),
        files: { upload: [upload], shard: [shardOf(content)], database: database() },
      };
    },
    "putting a manifest": async (client) => {
      const [config, layer] = [nextContent(200), nextContent(500)];
      for (const content of [config, layer]) {
        await uploadBlob(client, repository, content, "post");
      }
      const image = imageOf(config, [layer]);
      const tags = [`tag-${number}`, "moved-each-time"];
      return ofRows(() => putManifest(client, repository, image, tags));
    },
    "mounting a blob": async (client) => {
      const content = nextContent(400);
      await uploadBlob(client, source, content, "post");
      return ofRows(() => mountBlob(client, repository, content, source));
    },
    "deleting a manifest with its tag": async (client) => {
      const { image, tag } = await pushImage(client);
      return ofRows(() => deleteManifest(client, repository, image, [tag]));
    },
    "restoring a manifest with its tag": async (client) => {
      const { image, tag } = await pushImage(client);
      await deleteManifest(client, repository, image, [tag]);
      const unit = await findUnit(image);
      return ofRows(() => restore(image, tag, unit));
    },
  };

  for (const [name, prepare] of Object.entries(operations)) {
    test(`in ${name}: nothing acknowledged is lost, nothing is half done`, async () => {
      const hits: string[] = [];
      const attempt = async (calls: string, when: number, place: Place | null) => {
        const hit = await killIn(prepare, calls, when, place);
        if (hit !== null) hits.push(hit);
        expect(ledger.violations).toEqual([]);
        return hit !== null;
      };
      const isUpload = name.includes("upload");
      // One place after the other: a sync runs on any thread, and strace counts for each by itself.
      for (const place of isUpload ? places : (["database"] as const)) {
        for (const call of changing) {
          let when = 1;
          while (await attempt(call, when, place)) {
            expect(when++).toBeLessThan(callsMax);
          }
        }
      }
      // Before the answer leaves, and after everything else has been done.
      await attempt("sendto", 1, null);
      console.log(`${name}: killed at ${hits.length} calls: ${summary(hits)}`);
      console.log(`${hits.length} kills at system calls`);
      for (const wanted of ["pwrite64 berth.db-wal", "fdatasync berth.db-wal", "sendto"]) {
        expect(hits.some((hit) => hit.startsWith(wanted))).toBe(true);
      }
      if (!isUpload) return;
      for (const wanted of ["fdatasync upload", "rename upload", "fsync shard"]) {
        expect(hits.some((hit) => hit.startsWith(wanted))).toBe(true);
      }
    }, 240_000);
  }

  test("what is left passes berth verify, and no upload is left over", async () => {
    const client = createClient(child?.url ?? "", ledger);
    await audit(client, { whole: true, sessions: "kept" });
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
    prepare: (client: Client) => Promise<Operation>,
    calls: string,
    when: number,
    place: Place | null,
  ): Promise<string | null> {
    if (child === null) throw new Error("not started");
    const client = createClient(child.url, ledger);
    const { run, files } = await prepare(client);
    const trace = await attach(child.pid, [
      ...(place === null ? [] : files[place].flatMap((file) => ["-P", file])),
      ...["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=KILL:when=${when}`],
    ]);
    await run();
    // An operation that was answered may still be at work: dropping a file, for one.
    await Promise.race([child.exited, Bun.sleep(20)]);
    const traced = await trace.detach();
    // However late the kill came: one that was hit answers nothing any more.
    if (await isServing(child)) return null;
    await child.exited;
    child = await startChild({ data: folder.path });
    const next = createClient(child.url, ledger);
    await audit(next, { whole: false, sessions: "kept" });
    await noLeftovers(next);
    return describeHit(traced.at(-1), calls);
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

  function ofRows(run: () => Promise<unknown>): Operation {
    return { run, files: { upload: [], shard: [], database: database() } };
  }

  async function pushImage(client: Client): Promise<{ image: Image; tag: string }> {
    const config = nextContent(150);
    const tag = `tag-${number}`;
    await uploadBlob(client, repository, config, "post");
    const image = imageOf(config, []);
    await putManifest(client, repository, image, [tag]);
    return { image, tag };
  }

  async function findUnit({ digest }: Image): Promise<string> {
    const path = `/trash?repository=${encodeURIComponent(repository)}&limit=100`;
    type Units = { items: { id: string; digest: string | null }[] };
    const { items } = await operatorGets<Units>(folder.path, "GET", path);
    const unit = items.find((item) => item.digest === digest);
    if (unit === undefined) throw new Error(`${digest} is not in the trash`);
    return unit.id;
  }

  async function restore({ digest }: Image, tag: string, unit: string): Promise<void> {
    const { manifests, tags } = ledger;
    const changes = [
      begin(ledger, manifests, `${repository} ${digest}`, true, false),
      begin<string | null>(ledger, tags, `${repository} ${tag}`, digest, null),
    ];
    try {
      const body = { units: [unit] };
      const answer = await askOperator(folder.path, "POST", "/api/v1/trash/restore", body);
      if (answer.ok) for (const change of changes) change.acknowledge();
      else ledger.violations.push(`restoring ${digest}: ${answer.status}`);
    } catch {
      // The process was killed: nobody heard what came of it.
    }
  }

  function nextContent(size: number): Content {
    return contentOf(5_000_000 + number++, size);
  }

  function database(): string[] {
    return ["berth.db", "berth.db-wal"].map((name) => join(folder.path, name));
  }

  function shardOf({ digest }: Content): string {
    return join(folder.path, "blobs/sha256", digest.slice("sha256:".length).slice(0, 2));
  }

  function describeHit(call: Syscall | undefined, calls: string): string {
    if (call === undefined) return calls;
    const file = fileOf(call);
    if (file.includes("/uploads/")) return `${call.name} upload`;
    if (dirname(file).endsWith("/sha256")) return `${call.name} shard`;
    return `${call.name} ${file.split("/").at(-1)}`;
  }
});

function summary(hits: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const hit of hits) counts.set(hit, (counts.get(hit) ?? 0) + 1);
  return [...counts].map(([hit, count]) => `${count} ${hit}`).join(", ");
}
