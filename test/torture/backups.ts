import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../faults/support/child.ts";
import { usedRepositories } from "./management-operations.ts";
import { checkStore } from "./store-check.ts";
import { manifests, tags } from "./universe.ts";
import { askWithin, textOf, unexpected, type World, withBody } from "./world.ts";

/** A backup, and what was so all the while it was made. */
export interface Backup {
  readonly name: string;
  readonly target: string;
  readonly tags: readonly { repository: string; tag: string; digest: string | null }[];
  readonly manifests: readonly { repository: string; digest: string }[];
}

/** Makes one while others go on. Null where it failed, which is told. */
export async function backUp(world: World, target: string): Promise<Backup | null> {
  const { model } = world;
  const body = withBody({ target });
  const { answer, span } = await askWithin(world, null, "POST", "/api/v1/backups", body);
  const lines = textOf(answer.bytes).trim().split("\n");
  const last: { report?: { name: string; broken: unknown[] } } = JSON.parse(lines.at(-1) ?? "{}");
  if (last.report === undefined || last.report.broken.length > 0) {
    unexpected(world, "a backup", { ...answer, bytes: Buffer.from(lines.at(-1) ?? "") });
    return null;
  }
  const { from, to } = span;
  const everywhere = <T>(things: readonly T[]) =>
    usedRepositories.flatMap((repository) => things.map((thing) => ({ repository, thing })));
  return {
    name: last.report.name,
    target,
    tags: everywhere(tags).flatMap(({ repository, thing: tag }) => {
      const [digest, ...others] = model.tag(repository, tag).possible(from, to);
      const isSure = others.length === 0 && digest !== undefined && typeof digest !== "symbol";
      return isSure ? [{ repository, tag, digest }] : [];
    }),
    manifests: everywhere(manifests.map(({ digest }) => digest))
      .filter(({ repository, thing }) => !model.mayLackManifest(repository, thing, from, to))
      .map(({ repository, thing }) => ({ repository, digest: thing })),
  };
}

/** Puts it into a new folder, with the command: all must be there that was there when it was made. */
export async function checkBackup(world: World, backup: Backup): Promise<void> {
  const { name, target } = backup;
  const folder = join(target, `../restored-${name}`);
  try {
    const { code, output } = await runCommand(folder, "backup", "restore", target, name);
    if (code !== 0) {
      world.violation(`restoring the backup ${name}: ${output}`);
      return;
    }
    for (const found of checkStore(folder, "any time")) world.violation(`backup ${name}: ${found}`);
    checkRows(world, backup, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkRows(world: World, backup: Backup, folder: string): void {
  const db = new Database(join(folder, "berth.db"), { readwrite: true });
  try {
    const live = `from repositories as r join projects as p on p.id = r.project_id
                  where r.state = 'live' and p.state = 'live' and r.name = ?1`;
    const tag = db.query<{ digest: string }, [string, string]>(
      `select t.digest from tags as t where t.name = ?2 and t.repository_id in (select r.id ${live})`,
    );
    const manifest = db.query<{ digest: string }, [string, string]>(
      `select m.digest from manifests as m
        where m.digest = ?2 and m.state = 'live' and m.repository_id in (select r.id ${live})`,
    );
    for (const { repository, tag: name, digest } of backup.tags) {
      const found = tag.get(repository, name)?.digest ?? null;
      if (found !== digest)
        world.violation(`backup ${backup.name}: ${repository}:${name} is ${found}, not ${digest}`);
    }
    for (const { repository, digest } of backup.manifests) {
      if (manifest.get(repository, digest) === null)
        world.violation(`backup ${backup.name}: ${digest} is not in ${repository}`);
    }
  } finally {
    db.close();
  }
}
