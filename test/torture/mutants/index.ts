/** A mistake that somebody could make in `src`, as a patch beside this file: `<name>.patch`. */
export interface Mutant {
  readonly name: string;
  /** What becomes of it for whoever uses the registry. */
  readonly what: string;
  /**
   * Where it is to be seen, the quickest first: `L0`, the simulated machine; `L5`, the soak; or a file of
   * tests, without its ending.
   */
  readonly seenBy: readonly string[];
}

export const mutants: readonly Mutant[] = [
  {
    name: "folder-sync-skipped",
    what: "A blob whose upload was answered 201 has no name on the disk after a power cut, and is 404.",
    seenBy: ["L0"],
  },
  {
    name: "rows-before-bytes",
    what: "A blob whose upload was answered 201 is empty or cut short after a power cut.",
    seenBy: ["L0"],
  },
  {
    name: "log-never-flushed",
    what: "Pushes, tags and deletions that were answered are undone by a power cut.",
    seenBy: ["L0"],
  },
  {
    name: "flush-began-too-early",
    what: "A push that committed while the log was being synced for others is undone by a power cut after its 201.",
    seenBy: ["L0"],
  },
  {
    name: "answered-before-commit",
    what: "A manifest is answered 201 before it is committed: a power cut takes it, and on a database server others do not find it yet.",
    seenBy: ["L0"],
  },
  {
    name: "failed-flush-tried-again",
    what: "After the disk failed to take the log, pushes go on and are answered 201, and a power cut takes them with what was lost before.",
    seenBy: ["faults/disk-errors"],
  },
  {
    name: "checkpoint-without-sync",
    what: "A power cut after a checkpoint leaves a database that lacks commits of long ago, or is corrupt.",
    seenBy: ["faults/sync-order"],
  },
  {
    name: "tag-read-before-durable",
    what: "A client is shown that a tag moved, and after a power cut the tag was never there.",
    seenBy: ["faults/sync-order", "L0"],
  },
  {
    name: "bytes-gone-before-flush",
    what: "After a power cut an image is there again whose removal was under way, and the bytes of its blobs are gone.",
    seenBy: ["faults/sync-order"],
  },
  {
    name: "offset-not-written",
    what: "After a kill an upload begins at 0 again, although its chunks were answered 202.",
    seenBy: ["L0"],
  },
  {
    name: "answer-kept-outside-transaction",
    what: "A request that is repeated with its Idempotency-Key since its answer was lost in a kill changes things a second time.",
    seenBy: ["L0"],
  },
  {
    name: "hash-of-bytes-not-kept",
    what: "A blob is answered 201 and served with fewer bytes than its digest stands for, after a chunk of it was refused.",
    seenBy: ["protocol/uploads"],
  },
  {
    name: "stale-offset",
    what: "An upload that went to another node and back continues at an offset of long ago: bytes that were answered 202 are gone.",
    seenBy: ["protocol/shared-uploads", "faults/upload-takeover"],
  },
  {
    name: "upload-fence-not-checked",
    what: "A node that was paused writes its old offset over that of the node which went on with the upload, and bytes that were answered 202 are gone.",
    seenBy: ["protocol/shared-uploads", "faults/upload-takeover"],
  },
  {
    name: "gc-without-second-look",
    what: "A blob that was uploaded or confirmed while garbage collection looked is taken away, and the manifest that refers to it is refused.",
    seenBy: ["L0", "L5", "gc/races"],
  },
  {
    name: "gc-without-row-lock",
    what: "A blob that was just mounted or uploaded into one repository is condemned since another one let go of it, and is 404.",
    seenBy: ["gc/races"],
  },
  {
    name: "gc-forgets-the-trash",
    what: "An image in the trash loses its layers, and cannot be pulled after it was restored.",
    seenBy: ["gc/graphs", "L5"],
  },
  {
    name: "key-used-again",
    what: "A blob that was erased and pushed again is 404 as soon as the bytes of the erased one are removed.",
    seenBy: ["L0", "L5"],
  },
  {
    name: "mount-without-lock",
    what: "A mount is answered 201 of a blob that is being condemned, and the blob is 404.",
    seenBy: ["postgres/races", "gc/races"],
  },
  {
    name: "lease-not-renewed",
    what: "A blob that is uploaded or mounted anew when its lease is nearly over is collected before its manifest comes.",
    seenBy: ["L0", "L5"],
  },
  {
    name: "head-keeps-no-lease",
    what: "A HEAD says that a blob is there, and it is collected before the push that relies on it refers to it.",
    seenBy: ["L0", "L5"],
  },
  {
    name: "head-from-memory",
    what: "A HEAD says that a blob is there after it was deleted or collected: the client does not upload it, and its manifest is refused.",
    seenBy: ["L0", "L5"],
  },
  {
    name: "tags-remembered-for-a-second",
    what: "A pull by tag after a push that was answered still gives the image of before.",
    seenBy: ["nodes/nodes"],
  },
  {
    name: "swallowed-conflict",
    what: "Of two first pushes of a tag at the same time both are answered 201, and one of them has moved no tag.",
    seenBy: ["postgres/races", "faults/node-troubles"],
  },
  {
    name: "delete-beside-pushes",
    what: "A tag or an index that was pushed while its manifest, or a child, was deleted stands for what cannot be pulled.",
    seenBy: ["postgres/races"],
  },
  {
    name: "immutability-outside-transaction",
    what: "Of pushes of one immutable tag at the same time several are answered 201, and the tag has moved.",
    seenBy: ["access/content"],
  },
  {
    name: "rules-not-asked-of-pushes",
    what: "A tag that a rule keeps cannot be deleted, and is moved by the next push.",
    seenBy: ["L0"],
  },
  {
    name: "limit-outside-transaction",
    what: "Rotations at the same time give a robot more than the two secrets that it may have.",
    seenBy: ["L0", "L5"],
  },
  {
    name: "sweep-decides-outside-transaction",
    what: "A tag that was pushed while old manifests were swept goes to the trash with its manifest.",
    seenBy: ["trash/remove", "L0"],
  },
  {
    name: "revocation-told-to-one-node",
    what: "A robot that was revoked on one node goes on pulling and pushing on the others for ever.",
    seenBy: ["processes/server", "nodes/nodes"],
  },
  {
    name: "backup-snapshot-after-copy",
    what: "A backup lacks blobs that were pushed while it was made, although its database speaks of them.",
    seenBy: ["backup/load"],
  },
  {
    name: "purge-forgets-who-lists",
    what: "An index lacks a child once another index that listed it was long enough in the trash.",
    seenBy: ["gc/graphs", "L0"],
  },
  {
    name: "restore-forgets-children",
    what: "An index comes back from the trash without the children that went with another index.",
    seenBy: ["trash/restore", "L0"],
  },
  {
    name: "restored-project-stays-in-trash",
    what: "A project that was brought back from the trash goes for good when its time there would have been over.",
    seenBy: ["L0"],
  },
  {
    name: "blobs-counted-twice",
    what: "The bytes of images that share blobs are counted more than once.",
    seenBy: ["L0"],
  },
  {
    name: "restored-tags-without-history",
    what: "The past shows a tag as gone from its deletion on, although it was restored.",
    seenBy: ["L0"],
  },
  {
    name: "erase-forgets-links",
    what: "Blobs of an image that was erased can still be pulled, and their bytes stay.",
    seenBy: ["trash/erase", "L0"],
  },
  {
    name: "referrer-before-its-subject",
    what: "A signature that was pushed before its image is not among the referrers of the image.",
    seenBy: ["L0"],
  },
  {
    name: "history-goes-back",
    what: "Two moves of a tag have one time, or the later one an earlier time, and a pull as of then gives the wrong image.",
    seenBy: ["L0"],
  },
  {
    name: "asof-off-by-one",
    what: "A pull as of the very moment at which a tag moved gives what it was before.",
    seenBy: ["L0"],
  },
];
