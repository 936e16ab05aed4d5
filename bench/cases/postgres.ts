import { type Bench, berthOf, record } from "../bench.ts";
import { head } from "../connection.ts";
import { pool } from "../measure.ts";
import type { Peer } from "../peers.ts";
import { type PostgresServer, type Statement, withPostgres } from "../postgres-server.ts";
import { connections, expectStatus, manifestType, nth } from "../registry-client.ts";
import { getSample, recordSamples, sampleInTurns, shareOf } from "../samples.ts";
import type { Server } from "../server.ts";
import { withVariants } from "../variants.ts";
import { pushedManifests, pushSample } from "./small-pushes.ts";

const imagesPerTurn = 200;
const countedPushes = 200;
const countedGets = 2_000;
const readConnections = 32;
/** The images of the turn that warmed up. */
const manifests = pushedManifests(imagesPerTurn, "t0");
const accept = { Accept: manifestType };

/** Berth on PostgreSQL, which shares the cores with it, beside Berth on SQLite. */
export async function onPostgres(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  await withPostgres(async (postgres) => {
    const settings = { BERTH_DATABASE: await postgres.createDatabase() };
    const options = { sqlite: {}, postgres: { settings } };
    await withVariants(bench, berth, "database", options, async (servers) => {
      await timedPushes(bench, berth, servers);
      await timedReads(bench, berth, servers);
      await countedStatements(bench, berth, postgres, servers.postgres);
    });
  });
}

interface Both {
  sqlite: Server;
  postgres: Server;
}

async function timedPushes(bench: Bench, berth: Peer, { sqlite, postgres }: Both): Promise<void> {
  const samples = await sampleInTurns(
    {
      sqlite: (turn) => pushSample(sqlite, imagesPerTurn, `t${turn}`),
      postgres: (turn) => pushSample(postgres, imagesPerTurn, `t${turn}`),
    },
    bench.seconds,
  );
  recordSamples(bench, "sqlite_push", berth, samples.sqlite);
  recordSamples(bench, "postgres_push", berth, samples.postgres);
  record(bench, "postgres_push_share", berth, shareOf(samples.postgres, samples.sqlite));
}

async function timedReads(bench: Bench, berth: Peer, { sqlite, postgres }: Both): Promise<void> {
  const samples = await sampleInTurns(
    {
      sqlite: () => getSample([sqlite], manifests),
      postgres: () => getSample([postgres], manifests),
    },
    2 * bench.seconds,
  );
  recordSamples(bench, "sqlite_get", berth, samples.sqlite);
  recordSamples(bench, "postgres_get", berth, samples.postgres);
}

async function countedStatements(
  bench: Bench,
  berth: Peer,
  postgres: PostgresServer,
  server: Server,
): Promise<void> {
  const alone = await postgres.statements(() => getAll(server, 1));
  // What else there is writes the records of pulls, in the background, many at a time.
  const isRead = ({ text }: Statement) => text.startsWith("select");
  record(bench, "postgres_get_statements", berth, perUnit(alone.filter(isRead), countedGets));
  const together = await postgres.statements(() => getAll(server, readConnections));
  record(bench, "postgres_get_statements_32", berth, perUnit(together.filter(isRead), countedGets));
  const pushes = await postgres.statements(async () => {
    await pushSample(server, countedPushes, "counted");
  });
  record(bench, "postgres_push_statements", berth, perUnit(pushes, countedPushes));
}

async function getAll(server: Server, clients: number): Promise<void> {
  const all = await connections(server.port, clients);
  await pool({ count: countedGets }, clients, async (index, worker) => {
    const path = nth(manifests, index);
    expectStatus(await nth(all, worker).request(head("GET", path, accept)), 200, path);
  });
  for (const connection of all) connection.close();
}

/** Statements that the work needs are run for nearly each unit of it; those of chores are not. */
function perUnit(statements: Statement[], units: number): number {
  const ofWork = statements.filter(({ calls }) => calls >= units / 100);
  return ofWork.reduce((sum, { calls }) => sum + calls, 0) / units;
}
