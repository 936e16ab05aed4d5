import { Database } from "bun:sqlite";
import { join } from "node:path";
import { type Account, closedMode, makeUser, manage, setMember, tokenPath } from "../accounts.ts";
import { type Bench, launch, record } from "../bench.ts";
import { connect, head } from "../connection.ts";
import { copyStore, removeCopy, withCopies } from "../copies.ts";
import { median, pool } from "../measure.ts";
import type { Peer } from "../peers.ts";
import {
  connections,
  expectStatus,
  type Image,
  manifestType,
  nth,
  putManifest,
} from "../registry-client.ts";
import { type CostSample, costOf, getSample, sampleInTurns } from "../samples.ts";
import type { Server } from "../server.ts";

const groups = 1_000;
/** Of the one user who has most. */
const ownGrants = 10_000;
/** Of others, on top. */
const otherGrants = 10_000;

const clients = 8;
const firstRequests = 15;
/** Two processes of one program on equal stores may differ for as long as they run: each round has new ones. */
const rounds = 4;
const turns = 4;
/** Code becomes fast in the first seconds, later where there are many rights to read; servers run for weeks. */
const warmTurns = 3;

/** A store of images that both users may pull and push, in the project bench. */
export interface ImageStore {
  /** Of the first repository, bench/r0. */
  image: Image;
  /** Name of a robot. */
  robot: string;
  /** Paths of a manifest in each repository. */
  manifests: string[];
}

/** Where a handful of rights are stored, and where there are very many. */
type Servers = Record<"few" | "many", Server>;

/** In 1,000 groups, each with a grant, where there are many; and with 10,000 grants of their own. */
type Asker = "groups" | "own";

type Askers = Record<Asker, Account>;

/**
 * By kind of request, how many times as much processor time it takes where there are many rights, turn by turn.
 * Nothing in it waits for anything else, and rates of one program differ by a fifth from process to process.
 */
type Slower = Map<string, Record<Asker, number[]>>;

/** The same requests by the same users on both: each of the servers does as much as the other. */
export async function manyGrants(bench: Bench, berth: Peer, store: ImageStore): Promise<void> {
  const [member, holder] = await makePeople(bench, berth, store.robot);
  const many = await copyStore(bench, berth, "access", "grants");
  multiplyRights(many);
  const options = {
    few: { settings: closedMode },
    many: { settings: closedMode, store: "grants" },
  };
  const askers = { groups: member, own: holder };
  const path = nth(store.manifests, 0);
  try {
    const slower: Slower = new Map();
    for (let round = 0; round < rounds; round++) {
      await withCopies(bench, berth, "access", options, async (servers) => {
        await timedKinds(servers, askers, store, slower);
        if (round === 0) await timedFirst(bench, berth, servers, askers, path);
      });
    }
    for (const [kind, { groups, own }] of slower) {
      record(bench, `grants_${kind}`, berth, Math.max(median(groups), median(own)));
    }
  } finally {
    await removeCopy(bench, berth, "grants");
  }
}

/** One of them in a group with a grant, the other with a grant of their own. */
async function makePeople(bench: Bench, berth: Peer, robot: string): Promise<[Account, Account]> {
  const server = await launch(bench, "access", berth, { settings: closedMode });
  const member = await makeUser(server, "member");
  const holder = await makeUser(server, "holder");
  for (const { name } of [member, holder]) await setMember(server, "bench", name, "ci");
  await manage(server, "POST", "/groups", { name: "group" });
  await manage(server, "PUT", `/groups/group/members/${member.name}`);
  for (const subject of ["group:group", holder.name, robot]) {
    const grant = { subject, pattern: "bench/team/**", role: "developer" };
    await manage(server, "POST", "/projects/bench/grants", grant);
  }
  await server.stop();
  return [member, holder];
}

/** Gives the group and the grants that are there neighbours as the store itself would have them. */
function multiplyRights(folder: string): void {
  const db = new Database(join(folder, "data", "berth.db"), { strict: true });
  const numbers = (count: number) =>
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})`;
  const columns =
    "effect, subject_kind, project_id, tag_pattern, role, actions, cidrs, expires_at, created_at, version";
  const copyGrant = `insert into grants (id, subject_id, pattern, ${columns})`;
  const found = "from grants g, n where g.pattern = 'bench/team/**'";
  db.transaction(() => {
    db.run(`${numbers(groups - 1)} insert into groups (id, name, description, created_at, version)
      select id || '-' || i, name || '-' || i, description, created_at, version from groups, n
        where name = 'group'`);
    db.run(`insert into group_members (group_id, principal_id)
      select g.id, m.principal_id from groups g, group_members m where g.name like 'group-%'`);
    db.run(`${numbers(groups - 1)} ${copyGrant}
      select g.id || '-' || i, g.subject_id || '-' || i, 'bench/team-' || i || '/**', ${columns}
        ${found} and g.subject_kind = 'group'`);
    db.run(`${numbers(ownGrants - 1)} ${copyGrant}
      select g.id || '-' || i, g.subject_id, 'bench/team-' || i || '/**', ${columns}
        ${found} and g.subject_id = (select id from principals where name = 'holder')`);
    db.run(`${numbers(otherGrants)} ${copyGrant}
      select g.id || '-' || i, g.subject_id, 'bench/team-' || i || '/**', ${columns}
        ${found} and g.subject_id = (select id from principals where name like 'robot.%')`);
    db.run("update access_version set version = version + 1");
  })();
  const stored = db.query<{ count: number }, []>("select count(*) as count from grants").get();
  if ((stored?.count ?? 0) < groups + ownGrants + otherGrants) {
    throw new Error(`only ${stored?.count ?? 0} grants were stored`);
  }
  db.close();
}

async function timedKinds(
  { few, many }: Servers,
  { groups, own }: Askers,
  { image, manifests }: ImageStore,
  slower: Slower,
): Promise<void> {
  const kinds: Record<string, (server: Server, basic: string) => Promise<CostSample>> = {
    get: (server, basic) => getSample([server], manifests, { headers: { Authorization: basic } }),
    token: (server, basic) => asked(server, basic, tokenPath("repository:bench/r0:pull,push")),
    catalog: (server, basic) => asked(server, basic, "/v2/_catalog?n=100"),
    push: (server, basic) => pushed(server, basic, image),
  };
  for (const [kind, ask] of Object.entries(kinds)) {
    const measures = {
      fewGroups: () => ask(few, groups.basic),
      manyGroups: () => ask(many, groups.basic),
      fewOwn: () => ask(few, own.basic),
      manyOwn: () => ask(many, own.basic),
    };
    await sampleInTurns(measures, warmTurns);
    const samples = await sampleInTurns(measures, turns);
    const all = slower.get(kind) ?? { groups: [], own: [] };
    slower.set(kind, all);
    for (let turn = 0; turn < turns; turn++) {
      const cost = (name: keyof typeof samples) => nth(samples[name], turn).cpuMicros;
      all.groups.push(cost("manyGroups") / cost("fewGroups"));
      all.own.push(cost("manyOwn") / cost("fewOwn"));
    }
  }
}

async function asked(server: Server, basic: string, path: string): Promise<CostSample> {
  const all = await connections(server.port, clients);
  const request = head("GET", path, { Authorization: basic });
  const result = await costOf(server, () =>
    pool({ seconds: 1 }, clients, async (_, worker) => {
      expectStatus(await nth(all, worker).request(request), 200, path);
    }),
  );
  for (const connection of all) connection.close();
  return result;
}

let pushes = 0;

/** New tags of one manifest. */
async function pushed(server: Server, basic: string, image: Image): Promise<CostSample> {
  const all = await connections(server.port, clients);
  const result = await costOf(server, () =>
    pool({ seconds: 1 }, clients, (_, worker) => {
      pushes += 1;
      const to = ["bench/r0", `p-${pushes}`] as const;
      return putManifest(nth(all, worker), ...to, image.manifest.bytes, { Authorization: basic });
    }),
  );
  for (const connection of all) connection.close();
  return result;
}

/** What comes first after a change of anybody's rights finds nothing remembered. */
async function timedFirst(
  bench: Bench,
  berth: Peer,
  { few, many }: Servers,
  { groups, own }: Askers,
  path: string,
): Promise<void> {
  const kinds = {
    few: [few, own],
    groups: [many, groups],
    own: [many, own],
  } as const;
  for (const [kind, [server, { basic }]] of Object.entries(kinds)) {
    const at = await connect(server.port);
    const request = head("GET", path, { Authorization: basic, Accept: manifestType });
    for (let change = 0; change < firstRequests; change++) {
      await manage(server, "POST", "/groups", { name: `change-${kind}-${change}` });
      const begun = performance.now();
      expectStatus(await at.request(request), 200, path);
      record(bench, `grants_first_${kind}`, berth, performance.now() - begun);
    }
    at.close();
  }
}
