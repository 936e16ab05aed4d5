import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RawBuilder, sql } from "kysely";
import { collectGarbage } from "../../src/gc/collect-garbage.ts";
import { purgeUnit } from "../../src/gc/purge-unit.ts";
import { removeBytes } from "../../src/gc/remove-bytes.ts";
import { acceptAmount } from "../../src/gc/state-store.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { openContext } from "../../src/platform/http/request-context.ts";
import { createRegistryHandler } from "../../src/registry/router.ts";
import { dayMs, type GcWorld, openGcWorld } from "../support/gc-world.ts";
import { describeContent, digestOf, types } from "../support/images.ts";
import { openGate } from "../support/open-mode.ts";
import { whyNoPostgres } from "../support/postgres.ts";
import { createSteps, inSteps, removingInSteps, type Steps } from "../support/steps.ts";

// Garbage collection is held behind each of its steps while somebody who pushes is held behind each of
// theirs; then one of the two goes on first. Whatever was answered must be so, then and days later.

setDefaultTimeout(600_000);

/** All of them with BERTH_RACES=all; else each `everyNth` pair, another one in each scenario. */
const everyNth = Bun.env["BERTH_RACES"] === "all" ? 1 : 23;
/** How long somebody who may be waiting for the other gets to come to their step. */
const waitMs = 12;

/** How the blob stands when the two begin. */
type Scene = "lapsed" | "condemned" | "in the trash" | "erased";
type Push = "manifest" | "head" | "mount" | "upload" | "upload elsewhere" | "delete";

interface Place {
  readonly name: string;
  readonly content: string;
  readonly digest: Digest;
  readonly manifest: string;
}

/** What must be so from then on. */
interface Promised {
  readonly path: string;
  readonly body: string;
}

const databases = [
  { database: "SQLite", postgres: false, why: null },
  { database: "PostgreSQL", postgres: true, why: whyNoPostgres() },
];

for (const { database, postgres, why } of databases) {
  describe.skipIf(why !== null)(`on ${database}`, () => {
    let world: GcWorld;
    let count = 0;
    const promised: Promised[] = [];
    const { signal } = new AbortController();

    beforeAll(async () => {
      world = await openGcWorld({ postgres });
      await world.db.transaction((tx) => acceptAmount(tx, Number.MAX_SAFE_INTEGER));
    });
    afterAll(() => world.remove());

    const change = (statement: RawBuilder<unknown>) =>
      world.db.transaction((tx) => statement.execute(tx));

    async function setScene(scene: Scene): Promise<Place> {
      count += 1;
      const name = `races${count}/app`;
      const content = `a blob of ${name}`;
      const digest = await world.client.pushBlob(name, content);
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: types.image,
        config: describeContent(content, types.config),
        layers: [],
      });
      const lapse = sql`update repository_blobs set lease_until = 1 where digest = ${digest}`;
      switch (scene) {
        case "lapsed":
          await change(lapse);
          break;
        case "condemned":
          await change(lapse);
          await collectGarbage(world.deps, signal);
          await change(sql`update blobs set collect_after = 1 where digest = ${digest}`);
          break;
        case "in the trash":
        case "erased":
          await world.client.pushManifest(name, digestOf(manifest), manifest);
          expect(
            await world.client.status(`/v2/${name}/manifests/${digestOf(manifest)}`, "DELETE"),
          ).toBe(202);
          await change(lapse);
          await change(sql`update trash set until = 1 where digest = ${digestOf(manifest)}`);
      }
      return { name, content, digest: digest as Digest, manifest };
    }

    /** What is held still on the side of garbage collection. */
    async function collect(scene: Scene, { name }: Place, steps: Steps): Promise<void> {
      const deps = { ...world.deps, db: inSteps(world.db, steps) };
      if (scene === "erased") {
        const unit = await world.db.reads
          .selectFrom("trash as t")
          .innerJoin("repositories as r", "r.id", "t.repository_id")
          .select(["t.id", "t.project_id", "t.repository_id", "t.kind", "t.digest"])
          .where("r.name", "=", name as never)
          .executeTakeFirst();
        if (unit !== undefined) {
          const purge = { now: world.registry.clock.now(), erase: true };
          await deps.db.transaction(
            async (tx) => {
              const still = await tx
                .selectFrom("trash")
                .select("id")
                .where("id", "=", unit.id)
                .execute();
              if (still.length > 0) await purgeUnit(deps.db, tx, unit, purge);
            },
            { removes: name as never },
          );
        }
      } else {
        await collectGarbage(deps, signal);
      }
      await removeBytes({ ...deps, blobs: removingInSteps(world.blobs, steps) }, signal);
    }

    async function push(kind: Push, place: Place, steps: Steps): Promise<Response> {
      const handle = createRegistryHandler(
        { ...world.registry, db: inSteps(world.db, steps) },
        openGate,
      );
      const server = { requestIP: () => ({ address: "192.0.2.7" }) };
      const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
      const { name, content, digest, manifest } = place;
      const send = async (path: string, init: RequestInit) =>
        await handle(openContext(new Request(`http://localhost/v2/${path}`, init), server, rules));
      switch (kind) {
        case "manifest":
          return await send(`${name}/manifests/v1`, {
            method: "PUT",
            headers: { "content-type": types.image },
            body: manifest,
          });
        case "head":
          return await send(`${name}/blobs/${digest}`, { method: "HEAD" });
        case "mount":
          return await send(`${name}-2/blobs/uploads/?mount=${digest}&from=${name}`, {
            method: "POST",
          });
        case "upload":
          return await send(`${name}/blobs/uploads/?digest=${digest}`, {
            method: "POST",
            body: content,
          });
        case "upload elsewhere":
          return await send(`${name}-2/blobs/uploads/?digest=${digest}`, {
            method: "POST",
            body: content,
          });
        case "delete":
          return await send(`${name}/blobs/${digest}`, { method: "DELETE" });
      }
    }

    /** What an answer promises is looked at now, and noted for later. */
    async function check(scene: Scene, kind: Push, place: Place, answer: Response): Promise<void> {
      const { name, content, digest, manifest } = place;
      expect(answer.status).toBeLessThan(500);
      const at = (repository: string) => ({
        path: `/v2/${repository}/blobs/${digest}`,
        body: content,
      });
      const own: Promised[] = [];
      switch (kind) {
        case "manifest":
          if (answer.status === 201)
            own.push(at(name), { path: `/v2/${name}/manifests/v1`, body: manifest });
          else expect(answer.status).toBe(404);
          break;
        case "mount":
          if (answer.status === 201) own.push(at(`${name}-2`));
          else expect(answer.status).toBe(202);
          break;
        case "upload":
        case "upload elsewhere":
          expect(answer.status).toBe(201);
          // An erasure ends leases in its repository.
          if (scene !== "erased" || kind !== "upload")
            own.push(at(kind === "upload" ? name : `${name}-2`));
          break;
        case "head":
          // Whoever hears that it is there may refer to it.
          if (answer.status === 200 && scene !== "erased") {
            await world.client.pushManifest(name, "v1", manifest);
            own.push(at(name), { path: `/v2/${name}/manifests/v1`, body: manifest });
          }
          break;
        case "delete":
          expect([202, 404, 405]).toContain(answer.status);
      }
      for (const { path, body } of own) {
        const pulled = await world.fetch(path);
        expect(`${pulled.status} ${await pulled.text()}`).toBe(`200 ${body}`);
        if (path.includes("/blobs/")) {
          const repository = path.slice("/v2/".length, path.indexOf("/blobs/"));
          // It must stay: a lease alone would end.
          const referring = JSON.stringify({ ...JSON.parse(manifest), annotations: { path } });
          await world.client.pushManifest(repository, digestOf(referring), referring);
        }
        promised.push({ path, body });
      }
      for (const repository of [name, `${name}-2`]) {
        const path = `/v2/${repository}/blobs/${digest}`;
        expect(await world.client.status(path, "HEAD")).toBe(await world.client.status(path));
      }
      const row = await world.db.reads
        .selectFrom("blobs")
        .select(["key", "size"])
        .where("digest", "=", digest)
        .executeTakeFirst();
      if (row !== undefined) expect(await world.blobs.size(row.key)).toBe(row.size);
    }

    /** How many steps each side has when nobody is in its way. */
    async function measure(
      scene: Scene,
      kind: Push,
    ): Promise<{ collecting: number; pushing: number }> {
      const collecting = createSteps(0);
      await collect(scene, await setScene(scene), collecting);
      const pushing = createSteps(0);
      await push(kind, await setScene(scene), pushing);
      return { collecting: collecting.count, pushing: pushing.count };
    }

    async function race(
      scene: Scene,
      kind: Push,
      stops: { gc: number; push: number; gcFirst: boolean },
    ): Promise<void> {
      const place = await setScene(scene);
      const [collecting, pushing] = [createSteps(stops.gc), createSteps(stops.push)];
      const sides = [
        { steps: collecting, start: () => collect(scene, place, collecting) },
        { steps: pushing, start: () => push(kind, place, pushing) },
      ];
      const [first, second] = stops.gcFirst ? sides : sides.toReversed();
      const ends: Promise<unknown>[] = [];
      for (const { start, steps } of [first, second] as typeof sides) {
        const end = start();
        ends.push(end);
        await Promise.race([steps.reached, end, Bun.sleep(waitMs)]);
      }
      // The one that began later goes on first: on SQLite it may wait for the other one to begin with.
      second?.steps.release();
      await Promise.race([ends[1], Bun.sleep(waitMs)]);
      first?.steps.release();
      const [one, two] = await Promise.all(ends);
      await check(scene, kind, place, (stops.gcFirst ? two : one) as Response);
    }

    const scenes: readonly Scene[] = ["lapsed", "condemned", "in the trash", "erased"];
    const pushes: readonly Push[] = [
      "manifest",
      "head",
      "mount",
      "upload",
      "upload elsewhere",
      "delete",
    ];
    const pairs = scenes.flatMap((scene) => pushes.map((kind) => [scene, kind] as const));

    test.each(pairs)("a blob that is %s, and a %s", async (scene, kind) => {
      const { collecting, pushing } = await measure(scene, kind);
      let number = pairs.findIndex((pair) => pair[0] === scene && pair[1] === kind);
      let raced = 0;
      for (let gc = 1; gc <= collecting; gc++) {
        for (let held = 1; held <= pushing; held++) {
          for (const gcFirst of [true, false]) {
            number += 1;
            if (number % everyNth !== 0) continue;
            await race(scene, kind, { gc, push: held, gcFirst });
            raced += 1;
          }
        }
      }
      if (pushing > 0) expect(raced).toBeGreaterThan(0);
    });

    test("what was promised is so days later", async () => {
      await world.pass(10 * dayMs);
      for (const { path, body } of promised) {
        const pulled = await world.fetch(path);
        expect(`${pulled.status} ${await pulled.text()}`).toBe(`200 ${body}`);
      }
      expect(promised.length).toBeGreaterThan(20);
      expect(world.logged()).toBe("");
    });
  });
}
