import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, makeImage, makeReferrer } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { askOperator, operatorGets } from "../support/operator.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

// A running server, wherever its rows and bytes lie: what `berth gc` says, and what is left in the store.

setDefaultTimeout(120_000);

const name = "gc/app";
let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});
afterAll(async () => {
  await app.remove();
});

interface Status {
  readonly stopped: string | null;
  readonly condemned: { readonly blobs: number; readonly bytes: number };
  readonly to_remove: { readonly blobs: number };
  readonly removed: { readonly blobs: number; readonly bytes: number };
}

const api = <T>(method: string, path: string, body?: unknown) =>
  operatorGets<T>(app.folder, method, path, body);

const status = () => api<Status>("GET", "/gc");

async function until(isSo: (status: Status) => boolean): Promise<Status> {
  for (let waited = 0; waited < 30_000; waited += 100) {
    const now = await status();
    if (isSo(now)) return now;
    await Bun.sleep(100);
  }
  throw new Error(`it did not come to that: ${JSON.stringify(await status())}`);
}

/** Objects, or files, that the store holds; nothing is wrong with them. */
async function stored(): Promise<number> {
  const report = await api<{ checked: { files: number }; findings: unknown[] }>(
    "POST",
    "/verify",
    {},
  );
  expect(report.findings).toEqual([]);
  return report.checked.files;
}

test("a signed image that is deleted gives its space back, in its time, and nothing else goes", async () => {
  const [going, staying] = [makeImage("going"), makeImage("staying")];
  await client.pushImage(name, going, "v1");
  await client.pushImage(name, staying, "v2");
  await client.pushBlob(name, "{}");
  const signature = makeReferrer(going.descriptor, "signed");
  await client.pushManifest(name, digestOf(signature), signature);
  expect(await stored()).toBe(7);
  const size = [going.config, ...going.layers, "{}"].reduce((sum, blob) => sum + blob.length, 0);

  expect(await client.status(`/v2/${name}/manifests/${going.digest}`, "DELETE")).toBe(202);
  const none = { units: 0, manifests: 0, links: 0, condemned: { blobs: 0, bytes: 0 } };
  expect(await api("GET", "/gc/preview")).toMatchObject({ ...none, complete: true, stopped: null });

  await app.rows("update trash set until = 1 returning id");
  expect(await api("GET", "/gc/preview")).toMatchObject({ ...none, units: 1, manifests: 2 });
  await api("POST", "/gc/run", {});
  for (let waited = 0; (await app.rows("select id from trash")).length > 0; waited += 100) {
    expect(waited).toBeLessThan(30_000);
    await Bun.sleep(100);
  }
  expect(await client.status(`/v2/${name}/blobs/${digestOf(going.config)}`)).toBe(200);

  await app.rows("update repository_blobs set lease_until = 1 returning digest");
  expect(await api("GET", "/gc/preview")).toMatchObject({
    links: 4,
    condemned: { blobs: 4, bytes: size },
  });
  await api("POST", "/gc/run", {});
  await until(({ condemned }) => condemned.blobs === 4 && condemned.bytes === size);
  expect(await client.status(`/v2/${name}/blobs/${digestOf(going.config)}`, "HEAD")).toBe(404);
  expect(await stored()).toBe(7);

  await app.rows(
    "update blobs set collect_after = 1 where collect_after is not null returning digest",
  );
  await api("POST", "/gc/run", {});
  const end = await until(({ removed }) => removed.blobs === 4);
  expect(end).toMatchObject({
    stopped: null,
    condemned: { blobs: 0 },
    to_remove: { blobs: 0 },
    removed: { blobs: 4, bytes: size },
  });
  expect(await stored()).toBe(3);
  for (const blob of [staying.config, ...staying.layers]) {
    const pulled = await app.fetch(`/v2/${name}/blobs/${digestOf(blob)}`);
    expect(await pulled.text()).toBe(blob);
  }
  const metrics = await (await app.fetch("/metrics")).text();
  expect(metrics).toContain(`berth_gc_removed_bytes_total ${size}`);
  expect(metrics).toContain("berth_gc_stopped 0");

  // It can be pushed anew, which stores its bytes.
  await client.pushImage(name, going, "v1");
  expect(await stored()).toBe(6);
});

test("a clock that jumped stops it, until a person says that it is right", async () => {
  await app.rows("update gc_state set seen_at = 1 returning id");
  await api("POST", "/gc/run", {});
  expect((await until(({ stopped }) => stopped !== null)).stopped).toContain("--accept clock");
  expect(await (await app.fetch("/metrics")).text()).toContain("berth_gc_stopped 1");
  await api("POST", "/gc/run", { accept: "clock" });
  expect((await status()).stopped).toBeNull();
});

test("what it does not know is refused with the values that there are", async () => {
  const answer = await askOperator(app.folder, "POST", "/api/v1/gc/run", { accept: "1d" });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("amount");
});
