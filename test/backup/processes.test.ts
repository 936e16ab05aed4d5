/** Goal: a server of several processes is backed up as one is: by its parent, while its children serve. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { type Child, runCommand, temporaryFolder } from "../faults/support/child.ts";
import { operatorGets } from "../support/operator.ts";
import { bringKey, fill, pullAll, serve } from "./world.ts";

const size = { images: 40, layers: 2, layerBytes: 3_000_000 };

let folder: ReturnType<typeof temporaryFolder>;
let child: Child | null = null;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await child?.kill();
  folder.remove();
});

test("two processes on one folder are backed up beside pushes, and come back", async () => {
  const data = join(folder.path, "data");
  const target = join(folder.path, "kept");
  const started = await serve(data, { BERTH_SERVER_PROCESSES: "2" });
  child = started.child;
  const stored = await fill(started.client, size);
  let over = false;
  const push = async () => {
    for (let count = 0; !over; count++) {
      await fill(started.client, { images: 3, layers: 0, layerBytes: 0 }, `beside-${count}`);
    }
  };
  const pushing = push();
  const made = await runCommand(data, "backup", "create", target);
  over = true;
  await pushing;
  expect(made.output).toContain("Made the backup ");
  await child.stop();

  const other = join(folder.path, "other");
  bringKey(data, other);
  expect(await runCommand(other, "backup", "restore", target)).toMatchObject({ code: 0 });
  expect(await runCommand(other, "verify")).toMatchObject({ code: 0 });
  const restored = await serve(other, { BERTH_SERVER_PROCESSES: "2" });
  child = restored.child;
  expect(await pullAll(restored.client, stored)).toEqual([]);
  // The backup that was under way in it was made: nobody is to wait for it.
  expect(await operatorGets(other, "GET", "/backups")).toMatchObject({ unfinished_since: null });
  const lines = await operatorGets(other, "GET", "/audit?action=backup.");
  expect(lines).toMatchObject({
    items: [{ action: "backup.restored" }, { action: "backup.began" }],
  });
}, 120_000);
