import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countUsage } from "../../src/usage/count-usage.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { openTestStore, type TestStore } from "../support/s3-store.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

describeS3("usage of a bucket", (_kind, server) => {
  let folder: string;
  let opened: TestStore;
  let own: TestRegistry;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-s3-usage-"));
    opened = openTestStore({ endpoint: server().endpoint, prefix: "usage/", folder });
    own = await openTestRegistry({ blobs: opened.store });
  });

  afterAll(async () => {
    await own.remove();
    await opened.store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is what a full listing of it has", async () => {
    const client = createOciClient(own.fetch);
    for (const repository of ["team/app", "team/copy"]) {
      for (const seed of ["one", "two"]) await client.pushImage(repository, makeImage(seed), seed);
    }
    const gone = makeImage("gone");
    await client.pushImage("team/app", gone, "gone");
    await client.fetch(`/v2/team/app/manifests/${gone.digest}`, { method: "DELETE" });
    await client.pushBlob("team/app", new Uint8Array(300_000));
    let listed = 0;
    for await (const { sizeBytes } of opened.calls.list("blobs/")) listed += sizeBytes;
    const usage = await countUsage(own.registry, { kind: "store" });
    expect(listed).toBeGreaterThan(300_000);
    expect(usage.stored).toBe(listed);
    const { unique, shared, leased, trash, reclaimable } = usage;
    expect(unique + shared + leased + trash + reclaimable).toBe(listed);
    expect(leased).toBe(300_000);
  });
});
