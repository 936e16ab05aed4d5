/** Fewer bytes S3 takes only as the last part. */
export const partBytesMin = 5 * 1024 * 1024;
export const partsMax = 10_000;

const mebibyte = 1024 * 1024;

/** So many parts of this size, then those of the next line. */
export interface PartTier {
  readonly parts: number;
  readonly sizeBytes: number;
}

/**
 * Small at first, since each is held until it is sent: 8 GiB go in parts that memory holds, the rest of
 * 5 TiB in ones that are gathered on disk.
 */
export const partTiers: readonly PartTier[] = [
  { parts: 1_000, sizeBytes: 8 * mebibyte },
  { parts: 1_750, sizeBytes: 32 * mebibyte },
  { parts: 7_250, sizeBytes: 720 * mebibyte },
];

/** Of the part with this number, from 1; null when there are none left. */
export function partSize(number: number, tiers: readonly PartTier[] = partTiers): number | null {
  let last = 0;
  for (const tier of tiers) {
    last += tier.parts;
    if (number <= last) return tier.sizeBytes;
  }
  return null;
}
