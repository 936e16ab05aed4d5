import type { Database } from "../db/database.ts";
import type { Chore, ChoreWork } from "../jobs/chore.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { naturalSortKey } from "../lib/natural-sort-key.ts";
import { isAttachedTag } from "../oci/tag.ts";
import {
  type Key,
  keepSortKey,
  keepTags,
  measureImage,
  missingImages,
  pageEnd,
  unlistedRepositories,
  wrongTags,
} from "./complete-lists-store.ts";
import { countRepository, keepCount } from "./repository-count-store.ts";

const minuteMs = 60 * 1000;
/** Repositories, or manifests, that are written in one transaction. */
const batchRows = 100;

/**
 * Fills in what lists sort by and show where a node of the release before wrote rows beside this one,
 * or since: it knows nothing of the table of images, nor of some columns of tags and repositories.
 */
export function listCompletion(): Chore {
  let isDone = false;
  return {
    name: "complete what lists show",
    everyMs: 10 * minuteMs,
    deletes: false,
    async run(work) {
      // Nobody writes beside this server: what another release wrote was there at the start.
      if (isDone && work.db.facts.oneServer) return;
      await completeRepositories(work);
      await completeImages(work);
      await completeTags(work);
      isDone = !work.signal.aborted;
    },
  };
}

async function completeRepositories({ signal, db }: ChoreWork): Promise<void> {
  for (;;) {
    const found = await unlistedRepositories(db.reads, batchRows);
    if (found.length === 0 || signal.aborted) return;
    await db.transactionUnawaited(async (tx) => {
      for (const { id, name } of found) await keepSortKey(tx, id, naturalSortKey(name));
    }, "rows");
    await letOthersRun();
  }
}

/** Alone, since the size of an index is made of rows that a push may write at the same time. */
async function completeImages({ signal, db }: ChoreWork): Promise<void> {
  for await (const page of pagesOf(db, "manifests")) {
    const missing = await missingImages(db.reads, page);
    for (let at = 0; at < missing.length; at += batchRows) {
      if (signal.aborted) return;
      const some = missing.slice(at, at + batchRows);
      await db.transactionUnawaited(async (tx) => {
        for (const { repositoryId, key } of some) await measureImage(db, tx, repositoryId, key);
      });
      await letOthersRun();
    }
    if (signal.aborted) return;
  }
}

async function completeTags({ signal, db }: ChoreWork): Promise<void> {
  const changed = new Set<string>();
  for await (const page of pagesOf(db, "tags")) {
    const found = await wrongTags(db.reads, page);
    const wrong = found.filter(({ isWrongSize, key }) => isWrongSize === 1 || isAttachedTag(key));
    for (const [repositoryId, tags] of Map.groupBy(wrong, (tag) => tag.repositoryId)) {
      if (signal.aborted) return;
      const names = tags.map(({ key }) => key);
      const attached = names.filter((name) => isAttachedTag(name));
      await db.transactionUnawaited(
        (tx) => keepTags(db, tx, repositoryId, names, attached),
        "rows",
      );
      changed.add(repositoryId);
      await letOthersRun();
    }
    if (signal.aborted) return;
  }
  // No tag moved, so that nobody else would count them again.
  for (const id of changed) {
    if (signal.aborted) return;
    const count = await countRepository(db.reads, id);
    if (count !== null) await db.transactionUnawaited((tx) => keepCount(tx, id, count), "rows");
  }
}

/** All rows, in the order of their keys, as ranges of few. */
async function* pagesOf(db: Database, table: "manifests" | "tags") {
  let after: Key = { repositoryId: "", key: "" };
  for (;;) {
    const end = await pageEnd(db.reads, table, after);
    yield { after, end };
    if (end === null) return;
    after = end;
    await letOthersRun();
  }
}
