import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endBytes, tarHeader } from "../lib/tar.ts";
import { blockBytes } from "../lib/tar-header.ts";
import { openTar } from "./file-tree.ts";
import { writeTar } from "./write-tar.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-tar-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what was written is read", async () => {
  const path = join(folder, "own.tar");
  const large = new Uint8Array(100_000).fill(7);
  await writeTar(path, [
    { path: "a", content: new Blob(["hello"]) },
    { path: `blobs/sha256/${"0".repeat(64)}`, content: new Blob([large]) },
    { path: "empty", content: new Blob([]) },
  ]);
  const tree = openTar(path);
  expect(await tree.file("a")?.text()).toBe("hello");
  expect(tree.file(`blobs/sha256/${"0".repeat(64)}`)?.size).toBe(100_000);
  expect(tree.file("empty")?.size).toBe(0);
  expect(tree.file("b")).toBeNull();
});

test.each(["gnu", "pax", "ustar"])("archives of tar in the form %s", async (form) => {
  const root = join(folder, form);
  const long = `${"d".repeat(60)}/two\nlines${"e".repeat(form === "ustar" ? 60 : 120)}`;
  mkdirSync(join(root, "d".repeat(60)), { recursive: true });
  writeFileSync(join(root, long), "deep");
  writeFileSync(join(root, "layer"), "the layer");
  mkdirSync(join(root, "other"));
  symlinkSync("../layer", join(root, "other", "link"));
  const path = `${root}.tar`;
  const made = Bun.spawnSync(["tar", `--format=${form}`, "-cf", path, "-C", root, "."]);
  expect(made.exitCode).toBe(0);
  const tree = openTar(path);
  expect(await tree.file(long)?.text()).toBe("deep");
  expect(await tree.file("other/link")?.text()).toBe("the layer");
  expect(tree.file("nothing")).toBeNull();
});

test("what is none, or was cut short, is refused", () => {
  const path = join(folder, "none.tar");
  writeFileSync(path, Buffer.alloc(2048, "x"));
  expect(() => openTar(path)).toThrow("is no tar archive");
  expect(() => openTar(join(folder, "missing.tar"))).toThrow("there is no file");
});

describe("a size that is none is refused", () => {
  /** The field as it is given, with a sum that is right. */
  function headerWith(type: string, size: string): Uint8Array {
    const header = tarHeader({ path: "a", sizeBytes: 0 });
    const put = (at: number, text: string) => header.set(Buffer.from(text), at);
    put(124, size.padEnd(12, "\0"));
    put(156, type);
    put(148, " ".repeat(8));
    const sum = header.reduce((all, byte) => all + byte, 0);
    put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    return header;
  }

  const blockOf = (text: string) => Buffer.from(text.padEnd(blockBytes, "\0"));

  test.each(["-0000001000", "-1", "none"])("in a header: %s", (size) => {
    const path = join(folder, `size${size}.tar`);
    writeFileSync(path, Buffer.concat([headerWith("0", size), Buffer.alloc(endBytes)]));
    expect(() => openTar(path)).toThrow("is no tar archive");
  });

  test.each(["-512", "-1", "1.5", "1e400", "none"])("in an extension: %s", (size) => {
    const record = `size=${size}\n`;
    const line = `${record.length + 3} ${record}`;
    const extension = headerWith("x", line.length.toString(8).padStart(11, "0"));
    const path = join(folder, `pax${size}.tar`);
    const blocks = [extension, blockOf(line), headerWith("0", "0"), Buffer.alloc(endBytes)];
    writeFileSync(path, Buffer.concat(blocks));
    expect(() => openTar(path)).toThrow("is no tar archive");
  });
});
