/** What holds the bytes of a blob in a repository, from the strongest to nothing. */
export type Hold = "image" | "lease" | "trash" | "nothing";

/** Bytes of blobs, each counted once. */
export interface Bytes {
  /** Of images of one repository alone. */
  unique: number;
  /** Of images of several. */
  shared: number;
  leased: number;
  trash: number;
  reclaimable: number;
}

/** Adds up blobs as repositories tell of them, one after the other. */
export interface Tally {
  /** `others`: whether a repository that is not asked holds it as well. */
  add(blob: { digest: string; size: number }, hold: Hold, others?: boolean): void;
  readonly bytes: Bytes;
}

const weakest = ["nothing", "trash", "lease", "image", "images"] as const;
const fieldOf = {
  nothing: "reclaimable",
  trash: "trash",
  lease: "leased",
  image: "unique",
  images: "shared",
} as const;

/** Hex digits of a digest that tell blobs apart here: two of a million are taken for one in 1 of 500 counts. */
const keyDigits = 12;

export function createTally(): Tally {
  const bytes: Bytes = { unique: 0, shared: 0, leased: 0, trash: 0, reclaimable: 0 };
  // Numbers, which take a third of the memory of the digests.
  const held = new Map<number, number>();
  return {
    bytes,
    add({ digest, size }, hold, others = false) {
      const at = digest.indexOf(":") + 1;
      const key = Number.parseInt(digest.slice(at, at + keyDigits), 16);
      const before = held.get(key);
      const seen = weakest.indexOf(hold === "image" && others ? "images" : hold);
      const isSecond =
        hold === "image" && before !== undefined && before >= weakest.indexOf("image");
      const now = isSecond ? weakest.indexOf("images") : Math.max(before ?? 0, seen);
      if (now === before) return;
      held.set(key, now);
      if (before !== undefined) bytes[fieldOf[weakest[before] ?? "nothing"]] -= size;
      bytes[fieldOf[weakest[now] ?? "nothing"]] += size;
    },
  };
}
