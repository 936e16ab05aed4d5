import { manage } from "../accounts.ts";
import { type Bench, inTurns, record, settleDisk, withServers } from "../bench.ts";
import { connect } from "../connection.ts";
import { type Image, manifestOf, newImage, pushBlob, putManifest } from "../registry-client.ts";
import type { Server } from "../server.ts";
import { seedTags } from "./tags.ts";

const manifests = 10_000;
const tagsOfOne = 10_000;
const tagsPerPush = 100;
/** All of it was pushed before. */
const later = "2200-01-01";

/** A repository of 10,000 tags, each on a manifest of its own, and a manifest of 10,000 tags: into the trash and back. */
export async function trashCase(bench: Bench): Promise<void> {
  const berth = bench.peers.filter((peer) => peer.name === "berth");
  const work = async (servers: Server[]) => {
    const image = newImage([2048]);
    for (const server of servers) await seed(server, image);
    await settleDisk();
    await inTurns(bench, servers, (server) => timed(bench, server));
  };
  await withServers(bench, "trash", {}, work, berth);
}

async function seed(server: Server, image: Image): Promise<void> {
  await seedTags(server, "bench/many", image, manifests);
  const at = await connect(server.port);
  for (const blob of [image.config, ...image.layers]) await pushBlob(at, "bench/one", blob);
  const { bytes, digest } = manifestOf(image.config, image.layers, "one");
  for (let first = 0; first < tagsOfOne; first += tagsPerPush) {
    const tags = Array.from({ length: tagsPerPush }, (_, k) => `tag=t${first + k}`).join("&");
    await putManifest(at, "bench/one", `${digest}?${tags}`, bytes);
  }
  at.close();
}

async function timed(bench: Bench, server: Server): Promise<void> {
  const removals = (repository: string) =>
    `/repositories/${encodeURIComponent(repository)}/removals`;
  const one = { everything: true };
  await time(bench, server, "trash_repository", () =>
    manage(server, "POST", removals("bench/many"), one),
  );
  await time(bench, server, "trash_repository_back", () => restoreAll(server, "bench/many", 1));

  const old = { pushed_before: later };
  const preview = await time(bench, server, "trash_preview", () =>
    manage(server, "POST", removals("bench/many"), { ...old, preview: true }),
  );
  expect(preview, "manifests", manifests);
  const gone = await time(bench, server, "trash_manifests", () =>
    manage(server, "POST", removals("bench/many"), old),
  );
  expect(gone, "manifests", manifests);
  await restoreAll(server, "bench/many", manifests);

  const tagged = await manage(server, "POST", removals("bench/one"), old);
  expect(tagged, "tags", tagsOfOne);
  await time(bench, server, "trash_tags_back", () => restoreAll(server, "bench/one", 1));
}

async function time<Answer>(
  bench: Bench,
  server: Server,
  row: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const begun = performance.now();
  const answer = await work();
  record(bench, row, server.peer, performance.now() - begun);
  return answer;
}

/** Everything of the repository that is in the trash, which must be so many units. */
async function restoreAll(server: Server, repository: string, count: number): Promise<void> {
  let restored = 0;
  for (;;) {
    const path = `/trash?limit=200&repository=${encodeURIComponent(repository)}`;
    const page = (await manage(server, "GET", path)) as { items: { id: string }[] };
    if (page.items.length === 0) break;
    const units = page.items.map(({ id }) => id);
    const answer = await manage(server, "POST", "/trash/restore", { units });
    const answers = answer["units"] as { restored: boolean; problem: string | null }[];
    const failed = answers.find((unit) => !unit.restored);
    if (failed !== undefined) throw new Error(`not restored: ${failed.problem}`);
    restored += units.length;
  }
  if (restored !== count) throw new Error(`${restored} units restored, not ${count}`);
}

function expect(answer: Record<string, unknown>, key: string, wanted: number): void {
  if (answer[key] !== wanted) throw new Error(`${answer[key]} ${key}, not ${wanted}`);
}
