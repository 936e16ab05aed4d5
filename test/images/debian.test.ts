/**
 * Goal: what differs between two images is what `diff -r` finds between the unpacked trees. Method: a Debian,
 * and the same with files changed, removed, replaced and added by a second layer, both unpacked by tar.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { openApi } from "../support/api-client.ts";
import { describeContent, type Json, types } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";

const debian = join(homedir(), ".cache", "berth-tools", "content", "debian.tar");
const missing = existsSync(debian)
  ? ["tar", "diff"].find((tool) => Bun.which(tool) === null)
  : "a Debian root file system: .ci/run makes it";
const folder = mkdtempSync(join(tmpdir(), "berth-debian-"));
afterAll(() => run("rm", "-rf", folder));

async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...Bun.env, LC_ALL: "C" },
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  // diff says 1 where it finds something.
  if (code > 1) throw new Error(`${command.join(" ")}: ${error}`);
  return out;
}

/** What diff says, as the API has it. */
function readDiff(text: string, from: string, to: string): string[] {
  const paths = text.split("\n").filter((line) => line !== "");
  return paths
    .map((line) => {
      const [, parent = "", name = ""] = /^Only in (.+?): (.+)$/.exec(line) ?? [];
      if (name !== "") {
        const side = parent.startsWith(to) ? to : from;
        const path = `${parent}/${name}`.slice(side.length + 1);
        return `${side === to ? "added" : "removed"} ${path}`;
      }
      const [, path] =
        new RegExp(`^(?:File|Files|Symbolic links) ${from}/(.+?) (?:and|is a) `).exec(line) ?? [];
      if (path === undefined) throw new Error(`diff says what nobody expected: ${line}`);
      return `changed ${path}`;
    })
    .sort();
}

const check = missing === undefined ? test : test.skip;

describe("Debian and a layer over it", () => {
  if (missing !== undefined && Bun.env["CI"] === "true") throw new Error(`there is no ${missing}`);

  check(
    `differ as diff -r has it${missing === undefined ? "" : ` (there is no ${missing})`}`,
    async () => {
      const [before, after, layer] = ["a", "b", "layer"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      for (const path of [before, after, layer]) await mkdir(path);
      for (const to of [before, after]) {
        await run("tar", "-xf", debian, "-C", to, "--exclude=./dev/*", "--no-same-owner");
      }
      const change = (path: string, text: string) => {
        writeFileSync(join(layer, path), text);
        writeFileSync(join(after, path), text);
      };
      for (const path of ["etc", "usr/share", "usr/share/doc", "opt/new/deep", "usr/bin"]) {
        for (const root of [layer, after]) await mkdir(join(root, path), { recursive: true });
      }
      // One that is changed without its size being another.
      const version = readFileSync(join(before, "etc/debian_version"), "utf8");
      change("etc/debian_version", version.replace(/./, "X"));
      change("etc/added", "added");
      change("opt/new/deep/file", "deep");
      // All of a directory is gone, and something new is there.
      await run("find", join(after, "usr/share/doc"), "-mindepth", "1", "-delete");
      writeFileSync(join(layer, "usr/share/doc/.wh..wh..opq"), "");
      change("usr/share/doc/only", "only");
      rmSync(join(after, "etc/passwd"));
      writeFileSync(join(layer, "etc/.wh.passwd"), "");
      await run("rm", "-rf", join(after, "usr/share/zoneinfo"), join(after, "etc/hostname"));
      writeFileSync(join(layer, "usr/share/.wh.zoneinfo"), "");
      for (const root of [layer, after]) await symlink("elsewhere", join(root, "etc/hostname"));
      await run("tar", "-cf", join(folder, "layer.tar"), "-C", layer, ".");
      const expected = readDiff(
        await run("diff", "-rq", "--no-dereference", before, after),
        before,
        after,
      );
      expect(expected.length).toBeGreaterThan(7);

      const server = await openApi();
      try {
        const { admin } = server;
        await admin.post("/projects", { name: "team" });
        const oci = createOciClient((path, init = {}) =>
          admin.raw(init.method ?? "GET", path, init),
        );
        const packed = {
          debian: Bun.gzipSync(readFileSync(debian), { level: 1 }),
          layer: Bun.zstdCompressSync(readFileSync(join(folder, "layer.tar"))),
        };
        const push = async (tag: string, layers: readonly Uint8Array[]) => {
          const config = JSON.stringify({ os: "linux", architecture: "amd64" });
          for (const blob of [config, ...layers]) await oci.pushBlob("team/debian", blob);
          const manifest = JSON.stringify({
            schemaVersion: 2,
            mediaType: types.image,
            config: describeContent(config, types.config),
            layers: layers.map((bytes) => describeContent(bytes, types.layer)),
          });
          await oci.pushManifest("team/debian", tag, manifest);
        };
        await push("before", [packed.debian]);
        await push("after", [packed.debian, packed.layer]);
        const found: string[] = [];
        for (let next: string | null = ""; next !== null; ) {
          const path =
            "/repositories/team%2Fdebian/images/before/compare/files?with=after&limit=200";
          const { status, body } = await admin.get(`${path}&after=${encodeURIComponent(next)}`);
          // It is being read.
          if (status === 503) continue;
          expect(status).toBe(200);
          found.push(
            ...(body["items"] as Json[]).map(({ path: at, change: kind }) => `${kind} ${at}`),
          );
          next = body["next"] as string | null;
        }
        expect(found.sort()).toEqual(expected);
      } finally {
        await server.stop();
      }
    },
    120_000,
  );
});
