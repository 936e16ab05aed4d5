import { expect, test } from "bun:test";
import { readOwnHeader, tarHeader } from "./tar.ts";

const entries = [
  { path: "backups/20260101t000000000z/manifest", sizeBytes: 0 },
  { path: `blobs/sha256/ab/${"a".repeat(64)}`, sizeBytes: 1_000 },
  { path: `blobs/sha512/ab/${"a".repeat(64)}/${"b".repeat(64)}`, sizeBytes: 8 ** 11 - 1 },
  { path: `blobs/sha256/cd/${"c".repeat(64)}`, sizeBytes: 5 * 2 ** 40 },
];

test("a header is read as it was written, also of large files and long names", () => {
  expect(entries.map((entry) => readOwnHeader(tarHeader(entry)))).toEqual(entries);
});

test("no byte of a header changes unseen", () => {
  for (const entry of entries) {
    const header = tarHeader(entry);
    for (let at = 0; at < header.length; at++) {
      const changed = header.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(readOwnHeader(changed)).toBeNull();
    }
  }
});

test("names that lead elsewhere are refused", () => {
  for (const path of ["../secret.key", "/etc/passwd", "blobs/../../x", "blobs//x"]) {
    expect(readOwnHeader(tarHeader({ path, sizeBytes: 1 }))).toBeNull();
  }
});
