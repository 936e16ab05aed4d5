/**
 * Goal: what has the name of a digest in a folder is the bytes of that digest, whoever else writes there.
 * Method: blobs of a few bytes, files that change meanwhile, two runs, one of which is killed.
 */
import { afterAll, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layoutTarget } from "./layout-target.ts";
import { digestOfBytes } from "./stored-manifest.ts";

const root = mkdtempSync(join(tmpdir(), "berth-layout-"));
afterAll(() => rmSync(root, { recursive: true }));

const bytes = new Uint8Array(Buffer.from("the bytes of a layer"));
const digest = digestOfBytes(bytes, "sha256");
const hex = digest.slice("sha256:".length);
const blob = { digest, sizeBytes: bytes.byteLength };

function putInto(folder: string, meanwhile: (partial: string) => void) {
  const target = layoutTarget(folder);
  const partial = join(folder, "partial", `sha256-${hex}`);
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(bytes.subarray(0, 5));
      await Bun.sleep(20);
      meanwhile(partial);
      controller.enqueue(bytes.subarray(5));
      controller.close();
    },
  });
  const putting = target.putBlob(
    blob,
    async () => stream,
    () => {},
    new AbortController().signal,
  );
  return putting.finally(() => target.close());
}

test("a blob is there once it is whole", async () => {
  const folder = join(root, "plain");
  await putInto(folder, () => {});
  expect(readFileSync(join(folder, "blobs", "sha256", hex))).toEqual(Buffer.from(bytes));
  expect(readdirSync(folder).sort()).toEqual(["blobs", "partial"]);
});

test.each([
  ["longer", (path: string) => appendFileSync(path, "x")],
  ["shorter", (path: string) => truncateSync(path, 2)],
])("a file that became %s than what was written to it gets no name", async (how, meanwhile) => {
  const folder = join(root, how);
  await expect(putInto(folder, meanwhile)).rejects.toThrow(
    `where ${bytes.byteLength} were written`,
  );
  expect(readdirSync(join(folder, "blobs", "sha256"))).toEqual([]);
  expect(readdirSync(join(folder, "partial"))).toEqual([]);
});

test("a second run is refused until the first one ends", () => {
  const folder = join(root, "two");
  const first = layoutTarget(folder);
  expect(() => layoutTarget(folder)).toThrow("is in use by another run");
  first.close();
  layoutTarget(folder).close();
  expect(existsSync(join(folder, "berth.lock"))).toBe(false);
});

test("a run of another process keeps this one off, and not once it was killed", async () => {
  const folder = join(root, "killed");
  const module = JSON.stringify(join(import.meta.dir, "layout-target.ts"));
  const script = `
    const { layoutTarget } = await import(${module});
    // Else it is collected, and the lock goes with it.
    globalThis.target = layoutTarget(${JSON.stringify(folder)});
    console.log("held");
    setInterval(() => {}, 1000);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  try {
    const reader = child.stdout.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain("held");
    expect(() => layoutTarget(folder)).toThrow("is in use by another run");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  expect(existsSync(join(folder, "berth.lock"))).toBe(true);
  layoutTarget(folder).close();
  expect(existsSync(join(folder, "berth.lock"))).toBe(false);
});
