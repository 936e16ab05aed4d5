import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LRUCache } from "lru-cache";
import { openCaller, openRules } from "../../test/support/open-mode.ts";
import type { KnownPrincipal } from "../auth/principal.ts";
import type { BlobKey } from "../blobs/blob-store.ts";
import { createMemoryBlobStore } from "../blobs/memory-blob-store.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { systemClock } from "../lib/clock.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Tag } from "../oci/tag.ts";
import { createLog } from "../platform/log.ts";
import type { Caller } from "./caller.ts";
import { deleteBlob } from "./delete-blob.ts";
import { deleteManifest } from "./delete-manifest.ts";
import { prepareHotReads } from "./hot-reads-store.ts";
import { createLiveUploads } from "./live-uploads.ts";
import { pushManifest } from "./push-manifest.ts";
import type { Registry } from "./registry.ts";
import { bodyOf } from "./request-body.ts";
import { uploadAtOnce } from "./upload-blob.ts";

// What an operation asks of its caller beyond the right that its route took.

const repository = "team/app" as RepositoryName;
let folder: string;
let db: Database;
let registry: Registry;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-rights-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  await migrate(db, systemClock);
  registry = {
    db,
    blobs: createMemoryBlobStore(),
    log: createLog({ format: "json", level: "error" }),
    reads: prepareHotReads(db),
    pullReads: prepareHotReads(db),
    clock: systemClock,
    sparse: true,
    manifestCache: new LRUCache<string, Uint8Array<ArrayBuffer>>({ max: 100 }),
    blobCache: new LRUCache<BlobKey, Uint8Array<ArrayBuffer>>({ max: 100 }),
    liveUploads: createLiveUploads(),
    process: { id: "test", run: "test", sharesUploads: false },
    admitWrite: () => {},
    mayRedirect: () => true,
    traffic: { receivedBytes: 0, sentBytes: 0 },
    ...openRules(systemClock),
  };
});

afterAll(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

/** May write the tags that end in `-dev`, and no other. */
const developer: Caller = {
  ...openCaller,
  async assertMayWriteTag(action, name, tag) {
    if (tag?.endsWith("-dev")) return;
    throw new RegistryError("DENIED", { message: `${action} ${name}:${tag}` });
  },
};

async function push(
  seed: string,
  reference: string | null,
  tags: readonly string[] = [],
  caller: Caller = openCaller,
): Promise<Digest> {
  const bytes = new Uint8Array(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [],
        annotations: { seed },
      }),
    ),
  );
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  const pushed = await pushManifest(registry, {
    repository,
    reference: parseReference(reference ?? digest),
    tags: tags as readonly Tag[],
    contentType: null,
    bytes,
    condition: { kind: "none" },
    caller,
  });
  return pushed.digest;
}

const remove = (reference: string, caller: Caller) =>
  deleteManifest(registry, repository, parseReference(reference), caller);
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: RegistryError) => `${error.code} ${error.message}`,
  );
const tagsNow = async () => {
  const rows = await db.reads.selectFrom("tags").select(["name", "digest"]).execute();
  return Object.fromEntries(rows.map((row) => [row.name, row.digest]));
};

test("who may write some tags writes no other, however it is named", async () => {
  const one = await push("one", "v1");
  const refused = "DENIED repository:push team/app:v1";
  expect(await outcome(push("two", "v1", [], developer))).toBe(refused);
  expect(await outcome(push("two", null, ["v1"], developer))).toBe(refused);
  expect(await outcome(push("two", null, ["a-dev", "v1", "b-dev"], developer))).toBe(refused);
  // Pushing what is there already tells nothing either.
  expect(await outcome(push("one", "v1", [], developer))).toBe(refused);
  expect(await tagsNow()).toEqual({ v1: one });
  const two = await push("two", null, ["a-dev", "b-dev"], developer);
  expect(await tagsNow()).toEqual({ v1: one, "a-dev": two, "b-dev": two });
});

test("what a tag stands for is read in another way only by who may move the tag", async () => {
  const bytes = new Uint8Array(Buffer.from('{"schemaVersion":2,"manifests":[]}'));
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  const pushAs = (reference: string, contentType: string, caller: Caller) =>
    pushManifest(registry, {
      repository,
      reference: parseReference(reference),
      tags: [],
      contentType,
      bytes,
      condition: { kind: "none" },
      caller,
    });
  const ofDocker = "application/vnd.docker.distribution.manifest.list.v2+json";
  await pushAs("typed", "application/vnd.oci.image.index.v1+json", openCaller);
  const refused = "DENIED repository:push team/app:typed";
  expect(await outcome(pushAs("typed-dev", ofDocker, developer))).toBe(refused);
  expect(await outcome(pushAs(digest, ofDocker, developer))).toBe(refused);
  const typeNow = async () => (await registry.reads.manifestByTag(repository, "typed"))?.media_type;
  expect(await typeNow()).toBe("application/vnd.oci.image.index.v1+json");
  await pushAs(digest, ofDocker, openCaller);
  expect(await typeNow()).toBe(ofDocker);
  await remove(digest, openCaller);
});

test("a manifest goes only with tags that the caller may delete", async () => {
  const three = await push("three", null, ["c-dev", "v3"]);
  const before = await tagsNow();
  expect(await outcome(remove(three, developer))).toBe("DENIED repository:delete team/app:v3");
  expect(await tagsNow()).toEqual(before);
  await remove("v3", openCaller);
  expect(await outcome(remove(three, developer))).toBe("done");
  expect(await tagsNow()).not.toHaveProperty("c-dev");
});

const somebody: KnownPrincipal = {
  kind: "user",
  id: "somebody",
  name: "somebody",
  generation: 1,
  administrator: false,
  credentialId: null,
  credentialKind: "password",
  scope: null,
};

async function upload(content: string, caller: Caller): Promise<Digest> {
  const hex = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  const digest = digestOf("sha256", hex);
  const start = { repository, algorithm: "sha256", client: "127.0.0.1", caller } as const;
  const body = bodyOf(new Request("http://berth", { method: "POST", body: content }));
  await uploadAtOnce(registry, start, { repository, body, range: null, caller }, digest);
  return digest;
}

test("nothing is pushed to another project than the one that was judged", async () => {
  const stored = await upload("stored", openCaller);
  const linked = async () => {
    const rows = await db.reads.selectFrom("repository_blobs").select("digest").execute();
    return rows.map(({ digest }) => digest).toSorted();
  };
  expect(await linked()).toEqual([stored]);
  const refused = "DENIED the project of team/app changed hands while the request was under way";
  for (const projectId of [null, "another"]) {
    const stranger: Caller = { ...openCaller, principal: somebody, projectId };
    for (const content of ["stored", "not yet stored"]) {
      expect(await outcome(upload(content, stranger))).toBe(refused);
    }
    expect(await outcome(push("stranger", "stranger", [], stranger))).toBe(refused);
  }
  expect(await linked()).toEqual([stored]);
  expect(await db.reads.selectFrom("blobs").select("digest").execute()).toEqual([
    { digest: stored },
  ]);
  expect(await db.reads.selectFrom("uploads").selectAll().execute()).toEqual([]);
  const { id: projectId } = await db.reads
    .selectFrom("projects")
    .select("id")
    .executeTakeFirstOrThrow();
  const fresh = await upload("not yet stored", { ...openCaller, projectId });
  expect(await linked()).toEqual([stored, fresh].toSorted());
});

test("nothing is deleted in another project than the one that was judged", async () => {
  const four = await push("four", "v4");
  const blob = four;
  for (const projectId of [null, "another"]) {
    const stranger = { ...openCaller, projectId };
    const unknown = "NAME_UNKNOWN there is no repository team/app";
    expect(await outcome(remove("v4", stranger))).toBe(unknown);
    expect(await outcome(remove(four, stranger))).toBe(unknown);
    expect(await outcome(deleteBlob(registry, repository, blob, stranger))).toBe(unknown);
  }
  const { project_id: projectId } = await db.reads
    .selectFrom("repositories")
    .select("project_id")
    .executeTakeFirstOrThrow();
  expect(await outcome(remove("v4", { ...openCaller, projectId }))).toBe("done");
});
