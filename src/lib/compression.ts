type Compression = "gzip" | "zstd" | "none";

/** How the bytes are packed, by how they begin, as runtimes find out: media types often tell otherwise. */
export function compressionOf(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  // A skippable frame (RFC 8878 §3.1.2), with which zstd:chunked may begin.
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18)
    return "zstd";
  return "none";
}
