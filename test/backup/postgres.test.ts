/**
 * Goal: a PostgreSQL that was restored to an earlier time than its bucket comes to one state with it, and
 * nothing that is newer is deleted. Method: a copy of the database is made, then the registry goes on, pushes
 * and loses an object; the server starts on the copy, is repaired, and heals by the pushes of its clients.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { type Child, spawnCommand, temporaryFolder } from "../faults/support/child.ts";
import { describeFaults } from "../faults/support/requirements.ts";
import { describeS3 } from "../support/describe-s3.ts";
import { makeImage } from "../support/images.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { testBucket, testCredentials } from "../support/s3-servers.ts";
import { openTestStore } from "../support/s3-store.ts";
import { migratedDatabase } from "../support/test-database.ts";
import { repository, serve } from "./world.ts";

let runs = 0;

describeFaults("a database that is older than its bucket", ["PostgreSQL"], () => {
  describeS3("is brought to one state with it", (_, server) => {
    let folder: ReturnType<typeof temporaryFolder>;
    let child: Child | null = null;
    beforeEach(() => {
      folder = temporaryFolder();
    });
    afterEach(async () => {
      await child?.kill();
      folder.remove();
    });

    test("what is unknown is set aside, what is missing heals by a push, and a list tells which", async () => {
      runs += 1;
      const prefix = `older-${runs}`;
      const postgres = await sharedPostgres();
      const url = await migratedDatabase(postgres);
      const data = join(folder.path, "data");
      const list = join(folder.path, "list");
      const env = (database: string) => ({
        ...testCredentials,
        BERTH_DATABASE: database,
        BERTH_BLOBS: `s3://${testBucket}/${prefix}`,
        BERTH_S3_ENDPOINT: server().endpoint,
        BERTH_S3_REDIRECT: "false",
      });
      const run = (database: string, ...args: string[]) =>
        spawnCommand({ data, env: env(database) }, ...args).ended;
      const kept = makeImage("kept");
      const collected = makeImage("collected");
      const newer = makeImage("newer");

      let started = await serve(data, env(url));
      child = started.child;
      await started.client.pushImage(repository, kept, "kept");
      await started.client.pushImage(repository, collected, "collected");
      const whole = await run(url, "backup", "create", list);
      expect(whole.code).toBe(1);
      expect(whole.output).toContain("back it up with its own tools");
      expect(await run(url, "backup", "create", list, "--list-only")).toMatchObject({ code: 0 });
      expect(await run(url, "backup", "verify", list)).toMatchObject({ code: 0 });
      await child.stop();

      const copy = await postgres.createDatabase(url);
      started = await serve(data, env(url));
      child = started.child;
      await started.client.pushImage(repository, newer, "newer");
      const [layer = ""] = collected.layers;
      const lost = await keyOf(url, `sha256:${Bun.SHA256.hash(layer, "hex")}`);
      await child.stop();
      const store = openTestStore({
        ...{ endpoint: server().endpoint, prefix: `${prefix}/`, folder: folder.path },
      });
      await store.calls.remove([lost]);

      started = await serve(data, env(copy));
      child = started.child;
      const missing = await run(copy, "backup", "verify", list);
      expect(missing.code).toBe(3);
      expect(missing.output).toContain(`sha256:${Bun.SHA256.hash(layer, "hex")} is not there`);
      const found = await run(copy, "verify");
      expect(found.code).toBe(20);
      expect(found.output).toContain("missing-file: ");
      expect(found.output).toContain("stray-file: ");
      expect((await run(copy, "verify", "--repair")).code).toBe(20);
      expect((await run(copy, "verify")).code).toBe(0);
      const aside: string[] = [];
      for await (const { key } of store.calls.list("quarantine/")) aside.push(key);
      expect(aside).toHaveLength(newer.layers.length + 1);

      const manifest = (tag: string) => started.client.status(`/v2/${repository}/manifests/${tag}`);
      const blob = (content: string | Uint8Array) =>
        started.client.status(
          `/v2/${repository}/blobs/sha256:${Bun.SHA256.hash(content as string, "hex")}`,
        );
      expect([await manifest("kept"), await blob(kept.layers[0] ?? "")]).toEqual([200, 200]);
      expect([await manifest("newer"), await blob(layer)]).toEqual([404, 404]);
      await started.client.pushImage(repository, collected, "collected");
      await started.client.pushImage(repository, newer, "newer");
      expect([await manifest("newer"), await blob(layer)]).toEqual([200, 200]);
      expect((await run(copy, "verify")).code).toBe(0);

      async function keyOf(database: string, digest: string): Promise<string> {
        const name = new URL(database).pathname.slice(1);
        const rows = await postgres.run("select key from blobs where digest = $1", name, [digest]);
        return String(rows[0]?.["key"]);
      }
    }, 120_000);
  });
});
