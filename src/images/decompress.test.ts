/**
 * Goal: what comes out is what went in, wherever the chunks end, and wrong bytes are an error. Method: what Bun
 * packs, in several members and frames, cut anywhere; what zlib itself says of bytes that are spoiled.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decompress } from "./decompress.ts";

async function unpackedOf(packed: Uint8Array, chunkBytes: number): Promise<Buffer> {
  const chunks = (async function* () {
    for (let at = 0; at < packed.length; at += chunkBytes) yield packed.slice(at, at + chunkBytes);
  })();
  const pieces: Uint8Array[] = [];
  // Copied: a piece is good until the next one.
  for await (const piece of decompress(chunks)) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

const packings = {
  gzip: (bytes: Uint8Array<ArrayBuffer>) => Bun.gzipSync(bytes),
  zstd: (bytes: Uint8Array<ArrayBuffer>) => Bun.zstdCompressSync(bytes),
};

describe.each(["gzip", "zstd"] as const)("%s", (name) => {
  const pack = packings[name];

  test("of any parts, in chunks of any length", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 500 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        async (parts, chunkBytes) => {
          const packed = Buffer.concat(parts.map((part) => pack(new Uint8Array(part))));
          expect(await unpackedOf(packed, chunkBytes)).toEqual(Buffer.concat(parts));
        },
      ),
      { numRuns: 100 },
    );
  });

  // The second and the third fill what is made at once to its end.
  test.each([3_000_001, 262_144, 524_288])("that becomes large: %d bytes", async (length) => {
    const large = new Uint8Array(length).fill(7);
    for (const chunkBytes of [1, 1_000_000]) {
      expect((await unpackedOf(pack(large), chunkBytes)).equals(large)).toBe(true);
    }
  });

  test("whose member ends where a chunk does", async () => {
    const [first, second] = [pack(new Uint8Array(300)), pack(new Uint8Array(200))];
    const packed = Buffer.concat([first, second]);
    expect(await unpackedOf(packed, first.length)).toHaveLength(500);
  });

  test("that is spoiled is an error with its code", async () => {
    const packed = Buffer.from(pack(crypto.getRandomValues(new Uint8Array(5_000))));
    packed.fill(0xff, 5, 60);
    const code = expect.stringMatching(/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/);
    await expect(unpackedOf(packed, 700)).rejects.toMatchObject({ code });
  });
});

test("gzip that is cut is an error; zeros behind its end are none", async () => {
  const packed = Bun.gzipSync(crypto.getRandomValues(new Uint8Array(5_000)));
  await expect(unpackedOf(packed.slice(0, 3_000), 700)).rejects.toMatchObject({
    code: "Z_BUF_ERROR",
  });
  const padded = Buffer.concat([packed, Buffer.alloc(1_000)]);
  expect(await unpackedOf(padded, 700)).toHaveLength(5_000);
});

test("a chunk is asked for when the one before is worked off", async () => {
  const packed = Bun.gzipSync(crypto.getRandomValues(new Uint8Array(1_000_000)));
  let given = 0;
  const chunks = (async function* () {
    for (let at = 0; at < packed.length; at += 100_000) {
      given = at + 100_000;
      yield packed.slice(at, given);
    }
  })();
  let unpacked = 0;
  for await (const piece of decompress(chunks)) {
    unpacked += piece.length;
    // Noise does not get smaller: what came out and what went in go side by side.
    expect(given - unpacked).toBeLessThan(200_000);
  }
  expect(unpacked).toBe(1_000_000);
});
