import { expect, test } from "bun:test";
import { join } from "node:path";
import { audit } from "./support/audit.ts";
import { type Child, startChild, temporaryFolder } from "./support/child.ts";
import {
  type Client,
  createClient,
  deleteTag,
  finishSession,
  imageOf,
  indexType,
  openSession,
  putManifest,
  statusOf,
  uploadBlob,
} from "./support/client.ts";
import {
  type Content,
  contentOf,
  createLedger,
  type Image,
  type Session,
} from "./support/ledger.ts";
import { bytesOf } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";
import { attach, fileOf, type Syscall } from "./support/strace.ts";
import { isSync, isWal } from "./support/wal.ts";

const repository = "disk/errors";
/** Beyond the time after which Berth would copy its log into the database. */
const checkpointMs = 2_500;
const storeCalls = "openat,pwrite64,pwritev,writev,fdatasync,fsync,rename,unlink,ftruncate";

interface Scene {
  readonly child: Child;
  readonly client: Client;
  readonly data: string;
  /** Pushed as `old` before the disk fails. */
  readonly image: Image;
  /** All of whose bytes come with the PUT. */
  readonly session: Session;
}

interface Fault {
  readonly name: string;
  /** The call whose first use on any of the files fails with EIO. All calls on them are traced. */
  readonly call: string;
  readonly files: (scene: Scene) => string[];
  readonly run: (scene: Scene) => Promise<boolean>;
}

const finish = ({ client, session }: Scene) =>
  finishSession(client, session, bytesOf(session.content.seed, session.content.size));
const tag = ({ client, image }: Scene) => putManifest(client, repository, image, ["new"]);
const uploadPath = ({ data, session }: Scene) =>
  join(data, "uploads", session.location.split("/").at(-1) ?? "");
const shardPath = ({ data, session }: Scene) =>
  join(data, "blobs/sha256", session.content.digest.slice("sha256:".length).slice(0, 2));
const upload = (scene: Scene) => [uploadPath(scene), shardPath(scene)];
const database = ({ data }: Scene) => ["berth.db", "berth.db-wal"].map((name) => join(data, name));

const faults: readonly Fault[] = [
  { name: "the sync of an upload", call: "fdatasync", files: upload, run: finish },
  { name: "the sync of a blob's folder", call: "fsync", files: upload, run: finish },
  { name: "the rename of an upload", call: "rename", files: upload, run: finish },
  { name: "the sync of the log", call: "fdatasync", files: database, run: tag },
  { name: "the sync of the log after an upload", call: "fdatasync", files: database, run: finish },
  { name: "a write to the log", call: "pwrite64", files: database, run: tag },
];

describeFaults("an I/O error", ["linux", "strace"], () => {
  for (const fault of faults) {
    test(`from ${fault.name}: no success, no second try, only reads until a restart`, async () => {
      const folder = temporaryFolder();
      const scene = await prepare(folder.path);
      const { child, client } = scene;
      let next: Child | null = null;
      try {
        const trace = await attach(child.pid, [
          ...fault.files(scene).flatMap((file) => ["-P", file]),
          ...["-e", `trace=${storeCalls}`, "-e", `inject=${fault.call}:error=EIO:when=1`],
        ]);
        expect(await fault.run(scene)).toBe(false);
        await expectReadOnly(scene);
        await Bun.sleep(checkpointMs);
        await child.kill();
        const calls = await trace.detach();
        const failed = calls.find((call) => call.injected);
        expect(failed?.result).toStartWith("-1 EIO");
        expect(retries(calls, failed)).toEqual([]);

        next = await startChild({ data: folder.path });
        const again = createClient(next.url, client.ledger);
        await audit(again, { whole: true, sessions: "kept" });
        const pushed = contentOf(40, 400);
        expect(await uploadBlob(again, repository, scene.session.content, "post")).toBe(true);
        expect(await uploadBlob(again, repository, pushed, "post")).toBe(true);
        expect(await putManifest(again, repository, imageOf(pushed, []), ["later"])).toBe(true);
        expect(client.ledger.violations).toEqual([]);
      } finally {
        await child.kill();
        await next?.kill();
        folder.remove();
      }
    });
  }

  test("no room for the log's index to grow: 507, and room makes pushes work again", async () => {
    const folder = temporaryFolder();
    const { child, client } = await prepare(folder.path, [507]);
    try {
      const trace = await attach(child.pid, [
        ...["-P", join(folder.path, "berth.db-shm"), "-e", "trace=pwrite64,ftruncate"],
        ...["-e", "inject=pwrite64,ftruncate:error=ENOSPC:when=1+"],
      ]);
      const statuses: number[] = [];
      for (let i = 0; i < 8; i++) statuses.push(await putLargeManifest(client, i));
      expect((await trace.detach()).some((call) => call.injected)).toBe(true);
      expect(statuses).toContain(507);
      expect(statuses.filter((status) => status !== 507 && status !== 201)).toEqual([]);
      expect(await putLargeManifest(client, 9)).toBe(201);
      expect(client.ledger.violations).toEqual([]);
    } finally {
      await child.kill();
      folder.remove();
    }
  });
});

/** A transaction of nearly a thousand pages: four of them outgrow the first part of the log's index. */
async function putLargeManifest(client: Client, number: number): Promise<number> {
  const index = {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [],
    annotations: { number: `${number}`, padding: "x".repeat(3_900_000) },
  };
  const path = `/v2/${repository}/manifests/large-${number}`;
  const headers = { "content-type": indexType };
  return statusOf(await client.call("PUT", path, { headers, body: JSON.stringify(index) }));
}

async function prepare(data: string, excused: readonly number[] = [503]): Promise<Scene> {
  const child = await startChild({ data });
  const client = createClient(child.url, createLedger(), { excused });
  const contents: [Content, Content] = [contentOf(1, 300), contentOf(2, 90_000)];
  for (const content of contents) await uploadBlob(client, repository, content, "post");
  const image = imageOf(contents[0], [contents[1]]);
  await putManifest(client, repository, image, ["old"]);
  const session = await openSession(client, repository, contentOf(3, 5_000));
  if (session === null) throw new Error("no upload");
  return { child, client, data, image, session };
}

/** Writes are refused, in words; what was there can be read by digest; balancers look elsewhere. */
async function expectReadOnly({ client, image }: Scene): Promise<void> {
  expect(statusOf(await client.call("GET", "/readyz"))).toBe(503);
  expect(statusOf(await client.call("GET", "/livez"))).toBe(200);
  const refused = await client.call("POST", `/v2/${repository}/blobs/uploads/`);
  expect(statusOf(refused)).toBe(503);
  if (refused.kind === "answer") {
    const { errors } = JSON.parse(new TextDecoder().decode(refused.body));
    expect(errors[0].message).toContain("restart");
  }
  const config = image.blobs[0];
  if (config === undefined) throw new Error("no config");
  expect(await putManifest(client, repository, imageOf(config, [config]), ["refused"])).toBe(false);
  expect(await deleteTag(client, repository, "old")).toBe(false);
  expect(await uploadBlob(client, repository, contentOf(9, 100), "post")).toBe(false);
  const manifest = await client.call("GET", `/v2/${repository}/manifests/${image.digest}`);
  expect(statusOf(manifest)).toBe(200);
  for (const { digest } of image.blobs) {
    expect(statusOf(await client.call("GET", `/v2/${repository}/blobs/${digest}`))).toBe(200);
  }
}

/** Syncs of the same file after the failed call, and anything that would make doubtful rows lasting. */
function retries(calls: readonly Syscall[], failed: Syscall | undefined): string[] {
  if (failed === undefined) return ["no call failed"];
  const file = fileOf(failed);
  return calls
    .filter((call) => call.begun > failed.ended)
    .filter((call) => {
      const copied = fileOf(call).endsWith("/berth.db") && call.name === "pwrite64";
      return (isSync(call) && fileOf(call) === file) || (isWal(failed) && (isSync(call) || copied));
    })
    .map((call) => `${call.name} ${fileOf(call)}`);
}
