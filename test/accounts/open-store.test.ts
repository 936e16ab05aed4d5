import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage } from "../support/images.ts";
import { onPostgres } from "../support/test-database.ts";
import { anna, basic, type ClosedApp, startClosedApp } from "./closed-app.ts";

// Written by the release before there was access control, which pushed the two images below.
const archive = join(import.meta.dir, "..", "support", "fixtures", "open-store.tar.gz");
const pushed = [
  { repository: "demo/one", tag: "v1", image: makeImage("one") },
  { repository: "tools/nested/two", tag: "latest", image: makeImage("two") },
];

let app: ClosedApp;
beforeAll(async () => {
  if (onPostgres) return;
  const folder = mkdtempSync(join(tmpdir(), "berth-open-store-"));
  await new Bun.Archive(await Bun.file(archive).bytes()).extract(folder);
  app = await startClosedApp({ folder });
});
afterAll(async () => {
  if (!onPostgres) await app.remove();
});

// That release had SQLite alone.
describe.skipIf(onPostgres)("a store that was written while everybody might do everything", () => {
  test("becomes private: before setup nobody reads it", async () => {
    expect(await app.rows("select distinct visibility from projects")).toEqual([
      { visibility: "private" },
    ]);
    for (const { repository, tag } of pushed) {
      const response = await app.fetch(`/v2/${repository}/manifests/${tag}`);
      expect(response.status).toBe(401);
    }
  });

  test("belongs to the first administrator after setup", async () => {
    const { status } = await app.operator("POST", "/api/v1/setup", {
      name: anna[0],
      password: anna[1],
    });
    expect(status).toBe(201);
    expect(
      await app.rows(
        `select p.name as project, g.role, u.name as user from grants g
         join projects p on p.id = g.project_id join principals u on u.id = g.subject_id
         where g.effect = 'allow' order by p.name`,
      ),
    ).toEqual(
      ["anna", "demo", "tools"].map((project) => ({ project, role: "owner", user: "anna" })),
    );
    const [line] = await app.rows("select detail from audit where action = 'setup.done'");
    expect(JSON.parse(String(line?.["detail"]))).toEqual({ projects: 2 });
  });

  test.each(pushed)(
    "$repository: the administrator pulls it whole",
    async ({ repository, tag, image }) => {
      const headers = basic(anna);
      const manifest = await app.fetch(`/v2/${repository}/manifests/${tag}`, { headers });
      expect(manifest.status).toBe(200);
      expect(await manifest.text()).toBe(image.manifest);
      const blobs = JSON.parse(image.manifest) as { layers: { digest: string }[] };
      for (const [index, { digest }] of blobs.layers.entries()) {
        const blob = await app.fetch(`/v2/${repository}/blobs/${digest}`, { headers });
        expect(await blob.text()).toBe(image.layers[index] ?? "");
      }
    },
  );

  test("and still nobody else does", async () => {
    for (const { repository, tag, image } of pushed) {
      const [layer] = (JSON.parse(image.manifest) as { layers: { digest: string }[] }).layers;
      for (const path of [
        `/v2/${repository}/manifests/${tag}`,
        `/v2/${repository}/manifests/${image.digest}`,
        `/v2/${repository}/blobs/${layer?.digest}`,
        `/v2/${repository}/tags/list`,
        `/v2/${repository}/referrers/${image.digest}`,
        "/v2/_catalog",
      ]) {
        expect([path, (await app.fetch(path)).status]).toEqual([path, 401]);
      }
    }
    const made = await app.api(anna, "POST", "/api/v1/users", {
      name: "bob",
      password: "a password of bob",
    });
    expect(made.status).toBe(201);
    const headers = basic(["bob", "a password of bob"]);
    const response = await app.fetch("/v2/demo/one/manifests/v1", { headers });
    expect(response.status).toBe(404);
  });
});
