import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { expireUploads, uploadIdleMsMax } from "../../src/registry/expire-uploads.ts";
import { digestOf } from "../support/images.ts";
import {
  createOciClient,
  expectError,
  expectStatus,
  type OciClient,
} from "../support/oci-client.ts";
import { openGate } from "../support/open-mode.ts";
import { openTestRegistry, type TestRegistry } from "../support/test-registry.ts";

const repository = "team/app";
const never = new AbortController().signal;
const minute = 60 * 1000;
const hour = 60 * minute;

let own: TestRegistry;
let client: OciClient;

beforeAll(async () => {
  own = await openTestRegistry();
  client = createOciClient(own.fetch);
});

afterAll(() => own.remove());

describe("uploads expire", () => {
  test("after 24 hours without a byte, with their bytes; not a moment earlier", async () => {
    expect(uploadIdleMsMax).toBe(24 * hour);
    const location = await client.openUpload(repository);
    await client.fetch(location, { method: "PATCH", body: "abandoned" });
    own.advance(uploadIdleMsMax - minute);
    expect(await expireUploads(own.registry, never)).toBe(0);
    expect(await client.status(location)).toBe(204);
    own.advance(2 * minute);
    expect(await expireUploads(own.registry, never)).toBe(1);
    await expectError(await client.fetch(location), 404, "BLOB_UPLOAD_UNKNOWN");
    const staged = [];
    for await (const item of own.registry.blobs.list("staged")) staged.push(item);
    expect(staged).toEqual([]);
  });

  test("a chunk now and then keeps one alive for days", async () => {
    const location = await client.openUpload(repository);
    for (let day = 0; day < 3; day++) {
      own.advance(23 * hour);
      await client.fetch(location, { method: "PATCH", body: "x" });
      expect(await expireUploads(own.registry, never)).toBe(0);
    }
    const ended = await client.fetch(`${location}?digest=${digestOf("xxx")}`, { method: "PUT" });
    expect(ended.status).toBe(201);
  });

  test("one that is being written is not idle, however long ago it began", async () => {
    const location = await client.openUpload(repository);
    const id = location.split("/").at(-1) ?? "";
    own.advance(25 * hour);
    await own.registry.liveUploads.acquire(id);
    expect(await expireUploads(own.registry, never)).toBe(0);
    own.registry.liveUploads.release(id, null);
    expect(await expireUploads(own.registry, never)).toBe(1);
  });

  test("hundreds at once, also where a hundred of them are being written", async () => {
    const locations = await Promise.all(
      Array.from({ length: 250 }, () => client.openUpload(repository)),
    );
    const ids = locations.map((location) => location.split("/").at(-1) ?? "");
    own.advance(25 * hour);
    const busy = ids.sort().slice(0, 100);
    for (const id of busy) await own.registry.liveUploads.acquire(id);
    expect(await expireUploads(own.registry, never)).toBe(150);
    for (const id of busy) own.registry.liveUploads.release(id, null);
    expect(await expireUploads(own.registry, never)).toBe(100);
  });

  test("a client that comes while its upload is cleared up waits, and goes on from what is left", async () => {
    const location = await client.openUpload(repository);
    const id = location.split("/").at(-1) ?? "";
    const { liveUploads } = own.registry;
    expect(liveUploads.tryTake(id)).toBe(true);
    expect(liveUploads.tryTake(id)).toBe(false);
    let answered = false;
    const patched = client.fetch(location, { method: "PATCH", body: "xxx" }).then((response) => {
      answered = true;
      return response.status;
    });
    await Bun.sleep(50);
    expect(answered).toBe(false);
    liveUploads.release(id, null);
    expect(await patched).toBe(202);
    await expectStatus(
      await client.fetch(`${location}?digest=${digestOf("xxx")}`, { method: "PUT" }),
      201,
    );
  });

  test("256 bodies at a time: the next is 429 with Retry-After", async () => {
    for (let i = 0; i < 256; i++) await own.registry.liveUploads.acquire(`body-${i}`);
    const response = await client.fetch(await client.openUpload(repository), {
      method: "PATCH",
      body: "one more",
    });
    expect(response.headers.get("retry-after")).toBe("1");
    const { detail } = await expectError(response, 429, "TOOMANYREQUESTS");
    expect(detail).toEqual({ receiving: 256, max: 256 });
    for (let i = 0; i < 256; i++) own.registry.liveUploads.release(`body-${i}`, null);
  });
});

describe("what a full disk refuses", () => {
  test("507 with a sentence and Retry-After for every write but deletes", async () => {
    await client.pushBlob(repository, "before the disk was full");
    const { RegistryError } = await import("../../src/oci/registry-error.ts");
    const full = await openTestRegistry();
    try {
      const refusing = {
        ...full.registry,
        admitWrite: () => {
          throw new RegistryError("STORAGE_FULL");
        },
      };
      const { createRegistryHandler } = await import("../../src/registry/router.ts");
      const { openContext } = await import("../../src/platform/http/request-context.ts");
      const handle = createRegistryHandler(refusing, openGate);
      const request = new Request(`http://localhost/v2/${repository}/blobs/uploads/`, {
        method: "POST",
      });
      const server = { requestIP: () => ({ address: "192.0.2.7" }) };
      const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
      const response = await handle(openContext(request, server, rules));
      expect(response.headers.get("retry-after")).toBe("5");
      await expectError(response, 507, "STORAGE_FULL");
    } finally {
      await full.remove();
    }
  });
});
