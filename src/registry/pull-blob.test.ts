// A HEAD on which a push relies, and reads, on a disk that fails.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { digestOf } from "../../test/support/images.ts";
import { openTestRegistry, type TestRegistry } from "../../test/support/test-registry.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { leaseMs } from "./blob-link-store.ts";
import { confirmBlob, findBlob, openBlob } from "./pull-blob.ts";
import type { Registry } from "./registry.ts";

const repository = parseRepositoryName("team/app");
const content = "held by its lease alone";
const digest: Digest = parseDigest(digestOf(content));

let own: TestRegistry;

beforeEach(async () => {
  own = await openTestRegistry();
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await own.fetch(path, { method: "POST", body: content })).status).toBe(201);
});

afterEach(() => own.remove());

const leaseUntil = async () => (await findBlob(own.registry, repository, digest)).lease_until;

/** The registry, whose database refuses writes with `error`. */
function refusing(error: Error): Registry {
  const db = { ...own.registry.db, transaction: () => Promise.reject(error) };
  return { ...own.registry, db };
}

describe("a lease", () => {
  test("is renewed by a HEAD in its second half, and not before", async () => {
    const first = await leaseUntil();
    own.advance(leaseMs / 2);
    await confirmBlob(own.registry, repository, digest);
    expect(await leaseUntil()).toBe(first);
    own.advance(1);
    await confirmBlob(own.registry, repository, digest);
    expect(await leaseUntil()).toBe(first + leaseMs / 2 + 1);
  });

  test.each(["STORAGE_FULL", "UNAVAILABLE"] as const)(
    "that cannot be renewed (%s) holds for as long as it was given",
    async (code) => {
      const refused = new RegistryError(code, { message: "no" });
      own.advance(leaseMs - 1);
      const blob = await confirmBlob(refusing(refused), repository, digest);
      expect(blob.size).toBe(content.length);
      own.advance(1);
      await expect(confirmBlob(refusing(refused), repository, digest)).rejects.toBe(refused);
      // Bytes are read all the same.
      expect((await own.fetch(`/v2/${repository}/blobs/${digest}`)).status).toBe(200);
    },
  );

  test("of a blob that goes while it is renewed: the blob is unknown", async () => {
    own.advance(leaseMs);
    const { db } = own.registry;
    const transaction: typeof db.transaction = async (body) => {
      await db.transaction((tx) => tx.deleteFrom("repository_blobs").execute());
      return db.transaction(body);
    };
    const registry = { ...own.registry, db: { ...db, transaction } };
    await expect(confirmBlob(registry, repository, digest)).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
    });
  });
});

test("a small blob that the disk does not give is a failure of the storage", async () => {
  const error = Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  const file = { arrayBuffer: () => Promise.reject(error) } as unknown as Blob;
  const blobs = {
    ...own.registry.blobs,
    open: () => Promise.resolve({ kind: "file" as const, file }),
  };
  const registry = { ...own.registry, blobs };
  const blob = await findBlob(registry, repository, digest);
  await expect(openBlob(registry, repository, digest, blob, null)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    cause: error,
  });
});
