import { join } from "node:path";
import { SQL } from "bun";
import { sorts } from "../../src/access/sorted-list.ts";
import { naturalSortKey } from "../../src/lib/natural-sort-key.ts";
import type { Tag } from "../../src/oci/tag.ts";
import { tagSortKey } from "../../src/oci/tag.ts";
import { manage } from "../accounts.ts";
import { type Bench, berthOf, record, settleDisk } from "../bench.ts";
import { connect } from "../connection.ts";
import { median } from "../measure.ts";
import { withPostgres } from "../postgres-server.ts";
import { manifestOf, newImage, pushBlob, putManifest } from "../registry-client.ts";
import type { Server } from "../server.ts";
import { withVariants } from "../variants.ts";

const project = "lists";
const repository = `${project}/many`;
const manifests = 50;
const asksEach = 5;
const insertedAtOnce = 1_000;
/** What a row is made of in SQL, as text of JSON. */
const member = (name: string) => `value ->> '${name}'`;

interface Counts {
  tags: number;
  repositories: number;
}

/**
 * Pages of the lists of tags and of repositories, in each order, with and without a filter, at the
 * beginning and nine tenths in, and what search finds: the slowest of them, on either database.
 */
export async function lists(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const counts = bench.quick
    ? { tags: 10_000, repositories: 1_000 }
    : { tags: 100_000, repositories: 10_000 };
  await withPostgres(async (postgres) => {
    const url = await postgres.createDatabase();
    const options = { sqlite: {}, postgres: { settings: { BERTH_DATABASE: url } } };
    await withVariants(bench, berth, "lists", options, async (servers) => {
      for (const [name, server] of Object.entries(servers)) {
        await pushFew(server);
        const file = `sqlite://${join(server.folder, "data", "berth.db")}`;
        await multiply(new SQL(name === "sqlite" ? file : url), name === "sqlite", counts);
        await settleDisk();
        const times = await timesOf(server, counts);
        const slowest = [...times].sort((a, b) => b.ms - a.ms);
        for (const { ms, path } of slowest.slice(0, 10)) {
          console.error(`${name} ${ms.toFixed(1)} ms ${path}`);
        }
        record(bench, `lists_${name}`, berth, slowest[0]?.ms ?? 0);
        record(bench, `lists_${name}_median`, berth, median(times.map(({ ms }) => ms)));
      }
    });
  });
}

/** Manifests of several sizes, each under one tag, through the door. */
async function pushFew({ port }: Server): Promise<void> {
  const at = await connect(port);
  for (let index = 0; index < manifests; index++) {
    const { config, layers } = newImage([1_000 + 10 * index]);
    for (const blob of [config, ...layers]) await pushBlob(at, repository, blob);
    await putManifest(at, repository, `first-${index}`, manifestOf(config, layers).bytes);
  }
  at.close();
}

/** Rows as the store itself would write them: through the door they take minutes. */
async function multiply(sql: SQL, isSqlite: boolean, counts: Counts): Promise<void> {
  const rows = isSqlite ? "json_each(?)" : "json_array_elements($1::text::json) as r(value)";
  const put = async (table: string, columns: Record<string, string>, from: object[]) => {
    const names = Object.keys(columns).join(", ");
    const text = `insert into ${table} (${names}) select ${Object.values(columns).join(", ")} from ${rows}`;
    for (let at = 0; at < from.length; at += insertedAtOnce) {
      await sql.unsafe(text, [JSON.stringify(from.slice(at, at + insertedAtOnce))]);
    }
  };
  const [own] = await sql.unsafe(`select * from repositories where name = '${repository}'`);
  const present = await sql.unsafe(
    `select m.digest, i.size from manifests as m
       join images as i on i.repository_id = m.repository_id and i.digest = m.digest`,
  );
  const number = (name: string) => `cast(${member(name)} as bigint)`;
  const tagColumns = {
    ...{ repository_id: member("repository"), name: member("name"), digest: member("digest") },
    ...{ version: "1", sort_key: member("key"), moved_at: number("at"), size: number("size") },
  };
  const tag = (repositoryId: string, index: number, name: string) => {
    const { digest, size } = present[index % present.length];
    const key = tagSortKey(name as Tag);
    return { repository: repositoryId, name, key, digest, size: Number(size), at: timeOf(index) };
  };
  const tags = Array.from({ length: counts.tags }, (_, index) =>
    tag(own.id, index, tagName(index)),
  );
  const others = Array.from({ length: counts.repositories }, (_, index) => {
    const name = repositoryName(index);
    const id = `bench-${String(index).padStart(8, "0")}`;
    return { id, name, key: naturalSortKey(name), at: timeOf(index), size: 1_000 * (index % 100) };
  });
  await put("tags", tagColumns, tags);
  await put(
    "repositories",
    {
      ...{ id: member("id"), project_id: `'${own.project_id}'`, name: member("name") },
      ...{ state: "'live'", created_at: number("at"), sort_key: member("key"), tags: "1" },
      ...{ size: number("size"), pushed_at: number("at") },
    },
    others,
  );
  const kept = "media_type, size, bytes, state, pushed_at";
  const copied = `insert into manifests (repository_id, digest, ${kept})
    select r.id, m.digest, ${kept.replaceAll(/\b(\w+)/g, "m.$1")}
      from repositories as r join manifests as m on m.repository_id = '${own.id}'
     where r.id like 'bench-%' and m.digest = '${present[0].digest}'`;
  await sql.unsafe(copied);
  const first = others.map(({ id }) => tag(id, 0, "latest"));
  await put("tags", tagColumns, first);
  if (!isSqlite) await sql.unsafe("analyze");
  await sql.close();
}

const timeOf = (index: number) => 1_790_000_000_000 + ((index * 7_919) % 1_000_003) * 100;
const tagName = (index: number) => `v1.${index}`;
const repositoryName = (index: number) => `${project}/app-${index}`;

interface Timed {
  path: string;
  ms: number;
}

async function timesOf(server: Server, counts: Counts): Promise<Timed[]> {
  const tagsPath = `/repositories/${encodeURIComponent(repository)}/tags`;
  const deepTag = Math.floor(counts.tags * 0.9);
  const deepApp = Math.floor(counts.repositories * 0.9);
  const paths = [
    ...sorts.flatMap((sort) =>
      pagesOf(tagsPath, sort, ["", ".77", `v1.${deepTag}`, "nothing"], tagName(deepTag), deepTag),
    ),
    ...sorts.flatMap((sort) =>
      pagesOf(
        `/projects/${project}/repositories`,
        sort,
        ["", "app-77", `app-${deepApp}`, "nothing"],
        repositoryName(deepApp),
        deepApp,
      ),
    ),
    ...["v1", "v1.9", "many:v1.9", "latest", "app-77", `app-${deepApp}`, "list", "nothing"].map(
      (text) => `/search?q=${text}`,
    ),
    ...["project", "repository", "tag"].map((kind) => `/search?q=nothing&kind=${kind}`),
    `/search?q=latest&kind=tag&after=${encodeURIComponent(`tag=${repositoryName(deepApp)} latest`)}`,
    `/search?q=app&kind=repository&after=${encodeURIComponent(`repository=${repositoryName(deepApp)}`)}`,
    "/search?q=sha256:abcdef",
  ];
  const times: Timed[] = [];
  for (const path of paths) {
    const samples: number[] = [];
    await manage(server, "GET", path);
    for (let ask = 0; ask < asksEach; ask++) {
      const begun = performance.now();
      await manage(server, "GET", path);
      samples.push(performance.now() - begun);
    }
    times.push({ path, ms: median(samples) });
  }
  return times;
}

/** `deep`: an entry nine tenths in by name, with its number. */
function pagesOf(
  path: string,
  sort: string,
  filters: readonly string[],
  deep: string,
  index: number,
): string[] {
  const by = sort.replace("-", "");
  const isDescending = sort.startsWith("-");
  // Times and sizes are spread evenly.
  const share = isDescending ? 0.1 : 0.9;
  const value = by === "pushed" ? 1_790_000_000_000 + Math.floor(share * 1e8) : sizeAt(path, share);
  const after =
    by === "name"
      ? isDescending
        ? deep.replace(/\d+$/, `${Math.floor(index / 9)}`)
        : deep
      : `${value} ${deep}`;
  return filters.flatMap((filter) => {
    const asked = `${path}?sort=${sort}&filter=${encodeURIComponent(filter)}`;
    return [asked, `${asked}&after=${encodeURIComponent(after)}`];
  });
}

function sizeAt(path: string, share: number): number {
  return path.startsWith("/projects")
    ? Math.floor(share * 100) * 1_000
    : 3_000 + Math.floor(share * 10 * manifests);
}
