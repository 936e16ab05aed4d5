import { Database } from "bun:sqlite";
import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** Looks at rows and files of a data folder that nobody uses any more. Each text is something that must not be. */
export function checkStore(
  folder: string,
  when: "any time" | "long after the last change",
): string[] {
  const db = new Database(join(folder, "berth.db"), { readwrite: true });
  try {
    const files = filesOf(folder);
    return [
      ...checkDatabase(db),
      ...checkTagHistory(db),
      ...checkRecord(db),
      ...checkBytes(db, files),
      ...(when === "any time" ? [] : checkNothingLeft(db, files, folder)),
    ];
  } finally {
    db.close();
  }
}

type Files = ReadonlyMap<string, number>;

/** Sizes of the files of blobs, by key. */
function filesOf(folder: string): Files {
  const root = join(folder, "blobs");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(root, path), statSync(path).size];
    }),
  );
}

function texts(db: Database, sql: string): string[] {
  return db
    .query(sql)
    .all()
    .map((row) => JSON.stringify(row));
}

function checkDatabase(db: Database): string[] {
  const integrity = texts(db, "pragma integrity_check").filter((row) => !row.includes('"ok"'));
  return [...integrity, ...texts(db, "pragma foreign_key_check")].map((row) => `database: ${row}`);
}

/** The last line of a tag's history is what the tag is, and no line is missing before it. */
function checkTagHistory(db: Database): string[] {
  const last = `select h.repository_id, h.tag, h.version, h.digest from tag_history as h
    where h.version = (select max(version) from tag_history
      where repository_id = h.repository_id and tag = h.tag)`;
  return [
    ...texts(
      db,
      `select t.repository_id, t.name, t.digest, l.digest as last from tags as t
         left join (${last}) as l on l.repository_id = t.repository_id and l.tag = t.name
        where l.digest is not t.digest or l.version is not t.version`,
    ),
    ...texts(
      db,
      `select l.* from (${last}) as l
         left join tags as t on t.repository_id = l.repository_id and t.name = l.tag
        where l.digest is not null and t.name is null`,
    ),
    ...texts(
      db,
      `select n.repository_id, n.tag, n.version from tag_history as n
         join tag_history as h on h.repository_id = n.repository_id and h.tag = n.tag
          and h.version = n.version - 1
        where h.moved_at >= n.moved_at`,
    ),
    ...texts(
      db,
      `select n.repository_id, n.tag, n.version as without_the_one_before from tag_history as n
        where exists (select 1 from tag_history
                where repository_id = n.repository_id and tag = n.tag and version < n.version)
          and not exists (select 1 from tag_history
                where repository_id = n.repository_id and tag = n.tag and version = n.version - 1)`,
    ),
    ...texts(
      db,
      `select t.repository_id, t.name from tags as t
         left join manifests as m on m.repository_id = t.repository_id and m.digest = t.digest
        where m.state is not 'live'`,
    ),
  ].map((row) => `tags and their history: ${row}`);
}

interface Line {
  readonly project: string;
  readonly resource: string;
  readonly detail: string;
}

/** A move of a tag and its line may differ in time by less. */
const apartMs = 60 * 60 * 1000;

/**
 * For each push that counts there is a line of the record, from which webhooks are told; and no line for one
 * that came to nothing, in a repository that was always the same. Lines go when their time is over: of what
 * is older nothing can be said.
 */
function checkRecord(db: Database): string[] {
  const kept = db
    .query<{ first: number; since: number }, []>(
      "select first_seq as first, (select min(at) from audit) as since from audit_chain",
    )
    .get();
  const isWhole = kept === null || kept.first <= 1;
  const since = isWhole ? 0 : kept.since + apartMs;
  const lines = db
    .query<Line, []>(
      "select project_id as project, resource, detail from audit where action in ('manifest.pushed', 'tag.moved')",
    )
    .all()
    .flatMap(({ project, resource, detail }) => {
      const [repository = ""] = resource.split(/[@:]/);
      const { digest, tags }: { digest: string; tags: { tag: string }[] } = JSON.parse(detail);
      return tags.map(({ tag }) => `${project} ${repository}:${tag} to ${digest}`);
    });
  const moves = db
    .query<
      { project: string; name: string; tag: string; digest: string; others: number },
      [number]
    >(
      `select r.project_id as project, r.name, h.tag, h.digest, exists (select 1 from audit where project_id = r.project_id
              and action in ('repository.deleted', 'project.deleted', 'manifest.deleted')) as others
         from tag_history as h join repositories as r on r.id = h.repository_id
        where h.cause = 'push' and h.moved_at >= ?`,
    )
    .all(since)
    .map(({ project, name, tag, digest, others }) => ({
      text: `${project} ${name}:${tag} to ${digest}`,
      others,
    }));
  const [told, done] = [countOf(lines), countOf(moves.map(({ text }) => text))];
  const alone = new Set(moves.filter(({ others }) => others === 0).map(({ text }) => text));
  return [...done].flatMap(([text, count]) => {
    const lines = told.get(text) ?? 0;
    const isWrong = isWhole && alone.has(text) ? lines !== count : lines < count;
    return isWrong ? [`${text}: ${count} moves, and ${lines} lines of the record`] : [];
  });
}

function countOf(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** Every blob that a row speaks of has its bytes, and no key stands for two. */
function checkBytes(db: Database, files: Files): string[] {
  const rows = db
    .query<{ digest: string; key: string; size: number }, []>(
      "select digest, key, size from blobs where state <> 'quarantined'",
    )
    .all();
  return [
    ...rows
      .filter(({ key, size }) => files.get(key) !== size)
      .map(({ digest, key }) => `the bytes of ${digest} under ${key}: ${files.get(key) ?? "gone"}`),
    ...texts(db, "select key from blobs group by key having count(*) > 1"),
    ...texts(db, "select key from blobs where key in (select key from blob_deletions)"),
  ];
}

/** There is what live manifests reach, and nothing else. */
function checkNothingLeft(db: Database, files: Files, folder: string): string[] {
  const unneeded = texts(
    db,
    `select digest, state from blobs where digest not in (
       select e.child from manifest_edges as e join manifests as m
         on m.repository_id = e.repository_id and m.digest = e.parent and m.state = 'live')`,
  );
  const keys = new Set(
    db
      .query<{ key: string }, []>("select key from blobs")
      .all()
      .map(({ key }) => key),
  );
  return [
    ...unneeded.map((row) => `a blob that nothing needs: ${row}`),
    ...[...files.keys()].filter((key) => !keys.has(key)).map((key) => `a file of no blob: ${key}`),
    ...readdirSync(join(folder, "uploads")).map((name) => `an upload that nobody ends: ${name}`),
    ...texts(db, "select id from uploads").map((row) => `a session that nobody ends: ${row}`),
    ...texts(db, "select id, kind, until from trash").map((row) => `left in the trash: ${row}`),
    ...texts(db, "select key from blob_deletions").map((row) => `bytes not removed: ${row}`),
    ...texts(db, "select digest from manifests where state <> 'live'").map(
      (row) => `left of the trash: ${row}`,
    ),
  ];
}
