/**
 * Goal: what lies in a layer is listed as whoever unpacks it sees it, and no layer takes more than the limits
 * say. Method: archives in each of the forms that builders write, packed in each way; bombs; cut ones.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { digestOf, type TarPart, tarOf } from "../../test/support/tar.ts";
import type { BlobKey, BlobStore } from "../blobs/blob-store.ts";
import { createMemoryBlobStore } from "../blobs/memory-blob-store.ts";
import { systemClock } from "../lib/clock.ts";
import { parseDigest } from "../oci/digest.ts";
import type { LayerFile } from "./layer-file.ts";
import { createLayerIndex, type LayerFacts, openLayerIndex } from "./layer-index-store.ts";
import { type LayerLimits, layerLimits, readLayer } from "./read-layer.ts";
import { unpack } from "./unpack.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-layers-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

async function read(
  bytes: Uint8Array,
  limits: Partial<LayerLimits> = {},
  pieceBytes = 700,
): Promise<{ facts: LayerFacts; files: LayerFile[] }> {
  const file = join(folder, `${files++}`);
  const index = createLayerIndex(file);
  const pieces = (async function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
  })();
  let now = 0;
  const options = { limits: { ...layerLimits, ...limits }, now: () => now++ };
  index.finish(await readLayer(pieces, index, options));
  const opened = openLayerIndex(file);
  if (opened === null) throw new Error("the index cannot be read");
  const found = { facts: opened.facts, files: [...opened.all()] };
  opened.close();
  return found;
}

const long = `usr/${"share/".repeat(30)}${"x".repeat(150)}`;
const parts: readonly TarPart[] = [
  { name: "./etc/", type: "5", mode: 0o755 },
  { name: "./etc/motd", body: "hello\n", mode: 0o644, uid: 1000, mtime: 1_700_000_000 },
  { name: "etc/mtab", type: "2", link: "../proc/self/mounts" },
  { name: "etc/again", type: "1", link: "etc/motd" },
  { name: "dev/null", type: "3", device: [1, 3] },
  { name: "run/fifo", type: "6" },
  { name: ".wh.gone", body: "" },
  { name: "var/.wh..wh..opq", body: "" },
  { name: ".wh..wh.plnk/1.2", body: "" },
  { name: "../outside", body: "no" },
];

describe("a layer", () => {
  const packings = {
    plain: (bytes: Uint8Array) => bytes,
    gzip: (bytes: Uint8Array) => Bun.gzipSync(bytes as Uint8Array<ArrayBuffer>),
    "gzip in several members": (bytes: Uint8Array) =>
      Buffer.concat([bytes.slice(0, 1_000), bytes.slice(1_000)].map((one) => Bun.gzipSync(one))),
    zstd: (bytes: Uint8Array) => Bun.zstdCompressSync(bytes),
    "zstd in several frames": (bytes: Uint8Array) =>
      Buffer.concat(
        [bytes.slice(0, 1_000), bytes.slice(1_000)].map((one) => Bun.zstdCompressSync(one)),
      ),
  };
  for (const [name, pack] of Object.entries(packings)) {
    test(`that is ${name} is read`, async () => {
      const { facts, files: found } = await read(pack(tarOf(parts)));
      expect(facts).toMatchObject({ refused: null, entries: 10 });
      const told = Object.fromEntries(
        found.map(({ parent, name: own, ...rest }) => [`${parent}/${own}`, rest]),
      );
      expect(Object.keys(told).sort()).toEqual(
        [
          ...["/.wh.gone", "/dev", "/etc", "/run", "/var", "dev/null", "etc/again", "etc/motd"],
          ...["etc/mtab", "run/fifo", "var/.wh..wh..opq"],
        ].sort(),
      );
      expect(told["etc/motd"]).toMatchObject({
        ...{ kind: "file", size: 6, mode: 0o644, uid: 1000, mtime: 1_700_000_000 },
        hash: digestOf("hello\n"),
      });
      expect(told["etc/mtab"]).toMatchObject({ kind: "symlink", link: "../proc/self/mounts" });
      expect(told["etc/again"]).toMatchObject({ kind: "hardlink", link: "etc/motd" });
      expect(told["dev/null"]).toMatchObject({ kind: "character device", link: "1:3" });
      expect(told["/.wh.gone"]).toMatchObject({ kind: "whiteout" });
      expect(told["var/.wh..wh..opq"]).toMatchObject({ kind: "opaque" });
      expect(told["/etc"]).toMatchObject({ kind: "directory", mode: 0o755 });
      expect(told["/dev"]).toMatchObject({ kind: "directory", mode: null });
    });
  }

  test.each(["gnu", "pax"] as const)("with long names as %s has them is read", async (form) => {
    const body = "y".repeat(1_000);
    const archive = tarOf([
      { name: long, body, form },
      { name: "short", type: "2", link: long, form },
      { name: "last", body: "z" },
    ]);
    const { files: found } = await read(archive);
    const at = long.lastIndexOf("/");
    expect(found.find(({ kind, size }) => kind === "file" && size === 1_000)).toMatchObject({
      ...{ parent: long.slice(0, at), name: long.slice(at + 1), hash: digestOf(body) },
    });
    expect(found.find(({ name }) => name === "short")?.link).toBe(long);
    expect(found.find(({ name }) => name === "last")?.hash).toBe(digestOf("z"));
  });

  test("says where the bytes of its files are", async () => {
    const archive = tarOf([
      { name: "a", body: "one" },
      { name: "b", body: "two".repeat(999), form: "pax" },
    ]);
    for (const { offset, size, hash } of (await read(archive)).files) {
      expect(digestOf(archive.slice(offset, offset + size))).toBe(hash ?? "");
    }
  });

  test("of many files has each of them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.tuple(fc.stringMatching(/^[a-z]{1,3}(\/[a-z]{1,3}){0,3}$/), fc.string()),
          {
            selector: ([name]) => name,
            maxLength: 30,
          },
        ),
        fc.integer({ min: 1, max: 2_000 }),
        async (listed, pieceBytes) => {
          const archive = Bun.gzipSync(tarOf(listed.map(([name, body]) => ({ name, body }))));
          const { files: found } = await read(archive, {}, pieceBytes);
          const kept = new Map(found.map((file) => [`${file.parent}/${file.name}`, file.hash]));
          for (const [name, body] of listed) {
            const path = name.includes("/") ? name : `/${name}`;
            expect(kept.get(path)).toBe(digestOf(body));
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("what is no layer, or too much of one", () => {
  const many = tarOf(Array.from({ length: 50 }, (_, k) => ({ name: `f${k}`, body: "x" })));
  const value = "v".repeat(599_000);
  const heavy = ["one", "two"].map((key) => `${value.length + 12} ${key}=${value}\n`);
  test.each([
    ["entries", many, { entriesMax: 49 }, "more than 49 entries"],
    ["bytes", many, { bytesMax: 20_000 }, "more than 20000 bytes"],
    ["time", many, { millisecondsMax: 20 }, "longer than"],
    [
      "zeros in few bytes",
      Bun.gzipSync(tarOf([{ name: "zeros", body: "\0".repeat(4_000_000) }])),
      { ratioFromBytes: 1_000_000, ratioMax: 100 },
      "more than 100 times",
    ],
    ["deep paths", tarOf([{ name: "a/".repeat(300), body: "x", form: "gnu" }]), {}, "directories"],
    [
      "directories that are named only as part of paths",
      tarOf([{ name: `${"a/".repeat(20)}b`, body: "x" }]),
      { entriesMax: 20 },
      "more than 20 entries",
    ],
    ["names", many, { namesBytesMax: 100 }, "more than 100 bytes"],
    [
      "names of directories",
      tarOf([{ name: `${"a/".repeat(40)}b`, body: "x" }]),
      { namesBytesMax: 500 },
      "more than 500 bytes",
    ],
    [
      "links together",
      tarOf(["a", "b"].map((name) => ({ name, type: "2", link: "l".repeat(90) }))),
      { namesBytesMax: 180 },
      "more than 180 bytes",
    ],
    [
      "a long link",
      tarOf([{ name: "a", type: "2", link: "l".repeat(4_097), form: "gnu" }]),
      {},
      "a link in it is longer than 4096 bytes",
    ],
    [
      "records for one entry",
      tarOf(heavy.flatMap((body) => [{ name: "x", type: "x", body }])),
      {},
      "names and records have more than 1048576 bytes",
    ],
    [
      "records for all entries",
      tarOf(heavy.flatMap((body) => [{ name: "g", type: "g", body }, { name: "f" }])),
      {},
      "names and records have more than 1048576 bytes",
    ],
    ["text", Buffer.from("no archive ".repeat(100)), {}, "checksum"],
    [
      "a cut archive",
      tarOf([{ name: "a", body: "b".repeat(5_000) }]).slice(0, 2_000),
      {},
      "ends within",
    ],
    ["cut gzip", Bun.gzipSync(many).slice(0, 100), {}, ""],
    ["spoiled gzip", spoiled(Bun.gzipSync(many)), {}, ""],
  ])("%s is refused with the reason", async (_what, bytes, limits, reason) => {
    const { facts } = await read(bytes, limits);
    expect(facts.refused).toContain(reason);
  });

  test.each([
    ["size", "0.5"],
    ["size", "-1"],
    ["size", "0x10"],
    ["uid", "0.5"],
    ["gid", "-2"],
    ["GNU.sparse.realsize", "1.5"],
    ["GNU.sparse.size", "-512"],
    ["mtime", "yesterday"],
  ])("a record that says %s=%s is refused", async (key, value) => {
    const archive = tarOf([{ name: "a", body: "one", records: { [key]: value } }]);
    expect((await read(archive)).facts.refused).toContain("a record holds no number");
  });

  test("a header with a negative size is refused", async () => {
    for (const type of ["0", "x", "Z"]) {
      const archive = tarOf([{ name: "a", body: "one", type, size: Buffer.alloc(12, 0xff) }]);
      expect((await read(archive)).facts.refused).toContain("a header holds a negative size");
    }
  });

  test("times may have parts of seconds, and be of before 1970", async () => {
    const archive = tarOf([{ name: "a", body: "one", records: { mtime: "-1.5", uid: "70000" } }]);
    expect((await read(archive)).files).toMatchObject([{ mtime: -2, uid: 70_000 }]);
  });

  test("a worker that gets no bytes is ended", async () => {
    const blobs: BlobStore = {
      ...createMemoryBlobStore(),
      open: () => Promise.withResolvers<null>().promise,
    };
    const digest = parseDigest(`sha256:${digestOf("")}`);
    const blob = { digest, key: "key" as BlobKey, size: 1 };
    const request = { kind: "extract", offset: 0, size: 1 } as const;
    const work = unpack({ blobs, clock: systemClock }, blob, request, { afterMs: 300 });
    await expect(work).rejects.toThrow("did not end within 300 ms");
  });

  test("many records for an entry each are none too many", async () => {
    const own = { name: "x", type: "x", body: heavy[0] ?? "" };
    const { facts } = await read(tarOf([own, { name: "a" }, own, { name: "b" }]));
    expect(facts).toMatchObject({ refused: null, entries: 2 });
  });

  test("bytes without any sense never fail in another way", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.nat(3), async (noise, at) => {
        const starts = [[], [0x1f, 0x8b, 8, 0], [0x28, 0xb5, 0x2f, 0xfd], [0x50, 0x2a, 0x4d, 0x18]];
        const { facts } = await read(new Uint8Array([...(starts[at] ?? []), ...noise]));
        expect(facts.entries).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 200 },
    );
  });
});

function spoiled(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.fill(0xff, 60, 90);
  return copy;
}
