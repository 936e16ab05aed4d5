/**
 * Goal: the server plans what pulls and pushes ask of it once, and looks up each thing by itself, however many
 * there are. Method: it counts plans and pages itself, while real requests come many at once.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { makeImage } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const images = 60;
const repositories = 20;
/** So often each is asked for. */
const pulls = 10;
/** Much more than what was there when the statements were planned. */
const others = 20_000;
/** For three blobs: three or four pages of an index, and one of the table, of links and of blobs. */
const pagesMax = 50;
/** For the dozen tags that are asked for together: 600 here, 11,000 by a join that begins with the manifests. */
const pagesOfBatchMax = 2_000;

let postgres: TestPostgres;
let url: string;
let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  const counting = { "pg_stat_statements.track_planning": "on" };
  postgres = await startPostgres({
    settings: { shared_preload_libraries: "pg_stat_statements", autovacuum: "off", ...counting },
  });
  await postgres.run("create extension pg_stat_statements");
  url = await postgres.createDatabase();
  app = await startTestApp({ env: { BERTH_DATABASE: url } });
  client = createOciClient(app.fetch);
  // Before it keeps a plan, a server makes five for the statements of each connection.
  for (const turn of ["first", "second", "third", "fourth"]) await pushAndPull(turn);
});

afterAll(async () => {
  await app.remove();
  await postgres.remove();
});

async function pushAndPull(name: string): Promise<void> {
  const numbers = Array.from({ length: images }, (_, number) => number);
  await Promise.all(
    numbers.map((number) => {
      const tag = `${name}-${number}`;
      return client.pushImage(repositoryOf(number), makeImage(tag), tag);
    }),
  );
  for (let pull = 0; pull < pulls; pull++) {
    const answers = numbers.map(async (number) => {
      const path = `/v2/${repositoryOf(number)}/manifests/${name}-${number}`;
      return (await app.fetch(path, { method: "HEAD" })).status;
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  }
}

const repositoryOf = (number: number) => `plans/app-${number % repositories}`;

interface Statement {
  readonly text: string;
  readonly calls: number;
  readonly plans: number;
  readonly pages: number;
}

/** Those of the work that were run more than a few times. */
async function statementsOf(work: () => Promise<void>): Promise<readonly Statement[]> {
  await postgres.run("select pg_stat_statements_reset()");
  await work();
  const rows = await postgres.run(
    `select query as text, calls, plans, shared_blks_hit + shared_blks_read as pages
       from pg_stat_statements where calls >= 10`,
  );
  return rows.map(({ text, calls, plans, pages }) => ({
    text: `${text}`,
    calls: Number(calls),
    plans: Number(plans),
    pages: Number(pages),
  }));
}

test("statements of pulls and pushes are planned once", async () => {
  const statements = await statementsOf(() => pushAndPull("planned"));
  expect(statements.length).toBeGreaterThan(15);
  expect(statements.some(({ text }) => text.includes("batch_position"))).toBe(true);
  const again = statements.filter(
    // Locks differ from one to the next, and go along with the beginning of a transaction.
    ({ text, calls, plans }) => plans > calls / 2 && !text.includes("pg_advisory_xact_lock"),
  );
  expect(again).toEqual([]);
});

test("each thing is looked up by itself, also where the server planned for few", async () => {
  const database = new URL(url).pathname.slice(1);
  const made = `select 'sha256:' || encode(sha256(k::text::bytea), 'hex') as digest, k
                  from generate_series(1, ${others}) as k`;
  await postgres.run(
    `insert into blobs (digest, size, key, state, created_at)
      select digest, 1, 'key-' || k, 'live', 1 from (${made}) as made`,
    database,
  );
  await postgres.run(
    `insert into repository_blobs (repository_id, digest, lease_until)
      select r.id, digest, 1 from (${made}) as made, repositories as r where r.name = '${repositoryOf(0)}'`,
    database,
  );
  await postgres.run(
    `insert into manifests (repository_id, digest, media_type, size, bytes, state, pushed_at)
      select r.id, digest, 'x', 1, 'x', 'live', 1 from (${made}) as made, repositories as r
       where r.name = '${repositoryOf(0)}'`,
    database,
  );
  const statements = await statementsOf(() => pushAndPull("among-many"));
  const asked = statements.filter(({ text }) => /asked.*repository_blobs/s.test(text));
  expect(asked.length).toBeGreaterThan(0);
  for (const { pages, calls } of asked) expect(pages / calls).toBeLessThan(pagesMax);
  const pulled = statements.filter(({ text }) => /batch_position.*manifests m/s.test(text));
  expect(pulled.length).toBeGreaterThan(0);
  for (const { pages, calls } of pulled) expect(pages / calls).toBeLessThan(pagesOfBatchMax);
});
