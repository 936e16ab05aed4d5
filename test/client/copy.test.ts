/**
 * Goal: `berth cp` brings the same bytes to the other end, whatever the ends are, and goes on where it was
 * interrupted. Method: images made for the purpose, two Berths, folders and archives; a registry of a few
 * lines that breaks connections off and counts what it is sent.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bytesOf,
  describeContent,
  digestOf,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { berth, type Home, startBerth } from "./berth.ts";
import { type BreakingProxy, startBreakingProxy } from "./breaking-proxy.ts";

let apps: TestApp[] = [];
let source: OciClient;
let target: OciClient;
let from = "";
let to = "";
let home: Home;
beforeAll(async () => {
  apps = [await startTestApp(), await startTestApp()];
  const [first, second] = apps as [TestApp, TestApp];
  source = createOciClient(first.fetch);
  target = createOciClient(second.fetch);
  from = `127.0.0.1:${first.port}`;
  to = `127.0.0.1:${second.port}`;
});
afterAll(async () => {
  for (const app of apps) await app.remove();
});
beforeEach(() => {
  home = { folder: mkdtempSync(join(tmpdir(), "berth-copy-")), env: {} };
});
afterEach(() => rmSync(home.folder, { recursive: true }));

/** Runs what must succeed, and returns what it printed. */
async function ran(...words: string[]): Promise<string> {
  const { code, out, errors } = await berth(home, words);
  if (code !== 0) throw new Error(`berth ${words.join(" ")}: ${code} ${out} ${errors}`);
  return out.trim();
}

const image = (seed: string, fields = {}) => makeImage(seed, fields);

/** An index of two platforms, with an attestation as BuildKit makes them. */
async function pushIndex(repository: string, tag: string) {
  const arm = image(`${repository} arm`);
  const amd = image(`${repository} amd`);
  const about = image(`${repository} about amd`);
  for (const each of [arm, amd, about]) await source.pushImage(repository, each);
  const index = makeIndex([
    { ...arm.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
    { ...amd.descriptor, platform: { os: "linux", architecture: "amd64" } },
    {
      ...about.descriptor,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.digest": amd.digest },
    },
  ]);
  await source.pushManifest(repository, tag, index);
  return { arm, amd, about, index, digest: digestOf(index) };
}

async function manifestAt(client: OciClient, repository: string, reference: string) {
  const answer = await client.fetch(`/v2/${repository}/manifests/${reference}`);
  return { status: answer.status, text: await answer.text() };
}

describe("from registry to registry", () => {
  test("an index with all of its platforms, byte for byte", async () => {
    const { index, digest, arm } = await pushIndex("team/all", "v1");
    const out = await ran("cp", `${from}/team/all:v1`, `${to}/copies/all`);
    expect(out).toContain(digest);
    expect(await manifestAt(target, "copies/all", "v1")).toEqual({ status: 200, text: index });
    for (const layer of arm.layers) {
      const blob = await target.fetch(`/v2/copies/all/blobs/${digestOf(layer)}`);
      expect(await blob.text()).toBe(layer);
    }
    expect(await ran("digest", `${to}/copies/all:v1`)).toBe(digest);
    expect(await ran("tags", `${to}/copies/all`)).toBe("v1");
    expect((await ran("ls", to)).split("\n")).toContain("copies/all");
    const printed = await berth(home, ["manifest", `${to}/copies/all:v1`]);
    expect(printed.out).toBe(index);
    const named = await ran("cp", `${from}/team/all:v1`, `${to}/copies/all:v2`, "-o", "name");
    expect(named).toBe(`${to}/copies/all@${digest}`);
  });

  test("one platform is the image itself, several are an index of them", async () => {
    const { amd, arm, about } = await pushIndex("team/some", "v1");
    await ran("cp", `${from}/team/some:v1`, `${to}/some/one`, "--platform", "linux/amd64");
    expect((await manifestAt(target, "some/one", "v1")).text).toBe(amd.manifest);
    await ran("cp", `${from}/team/some:v1`, `${to}/some/one:again`, "--platform", "linux/arm64");
    expect((await manifestAt(target, "some/one", "again")).text).toBe(arm.manifest);
    const both = ["--platform", "linux/arm64,linux/amd64"];
    await ran("cp", `${from}/team/some:v1`, `${to}/some/both`, ...both);
    const kept = JSON.parse((await manifestAt(target, "some/both", "v1")).text);
    expect(kept.manifests.map((entry: { digest: string }) => entry.digest)).toEqual([
      arm.digest,
      amd.digest,
      about.digest,
    ]);
    const line = ["cp", `${from}/team/some:v1`, `${to}/some/no`, "--platform", "linux/s390x"];
    const missing = await berth(home, line);
    expect(missing.errors).toContain("has no linux/s390x: it has linux/arm64/v8, linux/amd64");
    expect(missing.code).toBe(5);
  });

  test("with what refers to it, and what refers to that", async () => {
    const subject = image("signed");
    await source.pushImage("team/signed", subject, "v1");
    await source.pushBlob("team/signed", "{}");
    const sbom = makeReferrer(subject.descriptor, "sbom");
    await source.pushManifest("team/signed", digestOf(sbom), sbom);
    const signature = makeReferrer(describeContent(sbom, types.image), "signature of the sbom");
    await source.pushManifest("team/signed", digestOf(signature), signature);
    const old = image("older signature");
    const oldTag = `${subject.digest.replace(":", "-")}.sig`;
    await source.pushImage("team/signed", old, oldTag);

    await ran("cp", `${from}/team/signed:v1`, `${to}/signed/alone`);
    expect((await manifestAt(target, "signed/alone", digestOf(sbom))).status).toBe(404);
    await ran("cp", `${from}/team/signed:v1`, `${to}/signed/all`, "--referrers");
    expect((await manifestAt(target, "signed/all", digestOf(signature))).text).toBe(signature);
    expect((await manifestAt(target, "signed/all", oldTag)).text).toBe(old.manifest);
    const listed = await target.json(`/v2/signed/all/referrers/${subject.digest}`);
    expect(JSON.stringify(listed)).toContain(digestOf(sbom));
  });

  test("within one registry nothing is sent", async () => {
    const one = image("mounted");
    await source.pushImage("team/mounted", one, "v1");
    const out = await ran("cp", `${from}/team/mounted:v1`, `${from}/other/mounted`);
    expect(out).toContain(", 0.0 MB sent.");
    expect((await manifestAt(source, "other/mounted", "v1")).text).toBe(one.manifest);
  });

  test("what is not there is exit code 5, and by digest as good as by tag", async () => {
    const one = image("by digest");
    await source.pushImage("team/digest", one);
    await ran("cp", `${from}/team/digest@${one.digest}`, `${to}/by/digest`);
    expect((await manifestAt(target, "by/digest", one.digest)).text).toBe(one.manifest);
    expect(await ran("tags", `${to}/by/digest`)).toBe("");
    expect((await berth(home, ["cp", `${from}/team/none:v1`, `${to}/by/none`])).code).toBe(5);
    expect((await berth(home, ["cp", `${from}/team/none:v1`])).code).toBe(2);
    expect((await berth(home, ["cp", `${from}/UPPER`, `${to}/by/none`])).code).toBe(2);
    expect((await berth(home, ["tags", `${from}/team/none`])).code).toBe(5);
    expect((await berth(home, ["digest", "127.0.0.1:1/team/none"])).code).toBe(1);
  });

  test("rm deletes what it showed before", async () => {
    await source.pushImage("team/gone", image("gone"), "v1");
    const shown = await ran("rm", `${from}/team/gone:v1`, "--dry-run");
    expect(shown).toStartWith(`Would delete ${from}/team/gone:v1@sha256:`);
    const unsure = await berth(home, ["rm", `${from}/team/gone:v1`]);
    expect(unsure.code).toBe(2);
    expect(await ran("tags", `${from}/team/gone`)).toBe("v1");
    await ran("rm", `${from}/team/gone:v1`, "--yes");
    expect(await ran("tags", `${from}/team/gone`)).toBe("");
  });
});

describe("to folders and archives, and back", () => {
  test("an OCI image layout holds several images", async () => {
    const { index } = await pushIndex("team/layout", "v1");
    const other = image("second in the layout");
    await source.pushImage("team/layout", other, "v2");
    await ran("cp", `${from}/team/layout:v1`, "oci:images");
    await ran("cp", `${from}/team/layout:v2`, "oci:images:second");
    expect(readdirSync(join(home.folder, "images")).sort()).toEqual([
      "blobs",
      "index.json",
      "oci-layout",
    ]);
    const unsure = await berth(home, ["push", "images", `${to}/back/layout:v1`]);
    expect(unsure.errors).toContain("has 2 images, name one: v1, second");
    await ran("push", "oci:images:v1", `${to}/back/layout`);
    await ran("push", "oci:images:second", `${to}/back/layout`);
    expect((await manifestAt(target, "back/layout", "v1")).text).toBe(index);
    expect((await manifestAt(target, "back/layout", "second")).text).toBe(other.manifest);
  });

  test("pull makes a folder or an archive, which push takes", async () => {
    const one = image("pulled");
    await source.pushImage("team/pulled", one, "v1");
    await ran("pull", `${from}/team/pulled:v1`);
    await ran("pull", `${from}/team/pulled:v1`, "one.tar");
    expect(existsSync(join(home.folder, "one.tar.partial"))).toBe(false);
    await ran("push", "pulled", `${to}/back/folder:v1`);
    await ran("push", "one.tar", `${to}/back/archive:v1`);
    for (const name of ["folder", "archive"]) {
      expect((await manifestAt(target, `back/${name}`, "v1")).text).toBe(one.manifest);
    }
    const again = await berth(home, ["pull", `${from}/team/pulled:v1`, "one.tar"]);
    expect(again.errors).toContain("one.tar is there already");
    expect(again.code).toBe(6);
  });

  test("an archive for docker holds one platform, and comes back with the same layers", async () => {
    const { amd } = await pushIndex("team/docker", "v1");
    const whole = await berth(home, ["cp", `${from}/team/docker:v1`, "docker-archive:a.tar"]);
    expect(whole.errors).toContain("choose it with --platform");
    rmSync(join(home.folder, "a.tar.partial"), { recursive: true, force: true });
    const line = ["docker-archive:a.tar:team/docker:v1", "--platform", "linux/amd64"];
    await ran("cp", `${from}/team/docker:v1`, ...line);
    const unpacked = Bun.spawnSync(["tar", "-xOf", "a.tar", "manifest.json"], { cwd: home.folder });
    const [{ RepoTags: names, Config: config, Layers: layers }] = JSON.parse(`${unpacked.stdout}`);
    expect(names).toEqual(["team/docker:v1"]);
    expect(config).toBe(`${digestOf(amd.config).slice("sha256:".length)}.json`);
    expect(layers).toHaveLength(2);
    await ran("push", "a.tar", `${to}/back/docker:v1`);
    const back = JSON.parse((await manifestAt(target, "back/docker", "v1")).text);
    expect(back.config.digest).toBe(digestOf(amd.config));
    // These layers are no archives: what is not compressed is, on its way.
    const [layer] = back.layers;
    expect(layer.mediaType).toEndWith("tar+gzip");
    const blob = await target.fetch(`/v2/back/docker/blobs/${layer.digest}`);
    const plain = Bun.gunzipSync(new Uint8Array(await blob.arrayBuffer()));
    expect(Buffer.from(plain).toString()).toBe(amd.layers[0] ?? "");
  });

  test("where nothing can be written is one sentence: exit code 1", async () => {
    await source.pushImage("team/unwritten", image("unwritten"), "v1");
    writeFileSync(join(home.folder, "file"), "");
    const line = ["pull", `${from}/team/unwritten:v1`, "file/below"];
    const { code, errors } = await berth(home, line);
    expect(errors).toMatch(/^ENOTDIR: .*\.\n$/);
    expect(code).toBe(1);
  });

  test("bytes that are not what they should be are refused", async () => {
    await source.pushImage("team/rotten", image("rotten"), "v1");
    await ran("cp", `${from}/team/rotten:v1`, "oci:rotten");
    const hex = digestOf("layer one of rotten").slice("sha256:".length);
    writeFileSync(join(home.folder, "rotten", "blobs", "sha256", hex), "layer ONE of rotten");
    const { code, errors } = await berth(home, ["push", "rotten", `${to}/back/rotten:v1`]);
    expect(errors).toContain("was sent as bytes with the digest");
    expect(code).toBe(1);
    expect((await manifestAt(target, "back/rotten", "v1")).status).toBe(404);
  });
});

describe("interrupted", () => {
  const large = new Uint8Array(24 * 1024 * 1024);
  for (let at = 0; at < large.length; at += 8) large[at] = (at / 8) & 0xff;
  const config = JSON.stringify({ os: "linux", architecture: "amd64" });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(config, types.config),
    layers: [describeContent(large, types.layer)],
  });
  const digest = digestOf(large);
  let proxy: BreakingProxy;
  beforeAll(async () => {
    await source.pushBlob("team/large", config);
    await source.pushBlob("team/large", bytesOf(large));
    await source.pushManifest("team/large", "v1", manifest);
  });
  beforeEach(async () => {
    proxy = await startBreakingProxy(Number(to.split(":")[1]));
  });
  afterEach(() => proxy.stop());

  test("by connections that break: the same run goes on, and sends nothing twice", async () => {
    proxy.breakAfter = [5e6, 9e6];
    await ran("cp", `${from}/team/large:v1`, `http://127.0.0.1:${proxy.port}/broken/once`);
    const blob = await target.fetch(`/v2/broken/once/blobs/${digest}`);
    expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
    expect(proxy.breakAfter).toEqual([]);
    // What was under way in buffers when a connection broke may be sent again.
    expect(proxy.received).toBeLessThan(1.5 * large.byteLength);
  });

  test("by a kill: another run goes on with the upload", async () => {
    const line = ["cp", `${from}/team/large:v1`, `http://127.0.0.1:${proxy.port}/killed/push:v1`];
    for (const bytes of [6e6, 14e6]) {
      const child = startBerth(home, line);
      const before = proxy.holdAfter(bytes);
      await before;
      child.kill("SIGKILL");
      await child.exited;
      proxy.release();
    }
    const sent = proxy.received;
    await ran(...line);
    expect(proxy.received - sent).toBeLessThan(large.byteLength);
    const blob = await target.fetch(`/v2/killed/push/blobs/${digest}`);
    expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
    expect(readdirSync(join(home.folder, ".cache", "berth", "uploads"))).toEqual([]);
  });

  test("by two kills: of what had arrived, whole blobs and beginnings, nothing is sent again", async () => {
    const megabyte = 1e6;
    const layers = [40, 24, 12, 8].map((size, index) => {
      const layer = new Uint8Array(size * megabyte);
      for (let at = 0; at < layer.length; at += 4) layer[at] = ((at >> 2) * (index + 1)) & 0xff;
      return layer;
    });
    const smallest = layers.at(-1) ?? new Uint8Array();
    const several = JSON.stringify({
      schemaVersion: 2,
      mediaType: types.image,
      config: describeContent(config, types.config),
      layers: layers.map((layer) => describeContent(layer, types.layer)),
    });
    for (const layer of layers) await source.pushBlob("team/several", bytesOf(layer));
    await source.pushBlob("team/several", config);
    await source.pushManifest("team/several", "v1", several);
    // Which of the layers is whole at a kill is a matter of luck, so one is from the beginning.
    await target.pushBlob("killed/several", bytesOf(smallest));
    const notes = join(home.folder, ".cache", "berth", "uploads");

    /** What of a layer is at the target: of an upload under way, the bytes that it has. */
    async function arrivedBytes(layer: Uint8Array): Promise<number> {
      const path = `/v2/killed/several/blobs/${digestOf(layer)}`;
      const { status } = await target.fetch(path, { method: "HEAD" });
      return status === 200 ? layer.byteLength : 0;
    }
    async function uploadedBytes(): Promise<number> {
      let bytes = 0;
      for (const name of readdirSync(notes)) {
        const { location } = JSON.parse(readFileSync(join(notes, name), "utf8"));
        const { pathname, search } = new URL(location, "http://any");
        const answer = await target.fetch(`${pathname}${search}`);
        if (answer.status === 204) {
          bytes += Number(answer.headers.get("range")?.split("-")[1] ?? -1) + 1;
        }
      }
      return bytes;
    }

    const line = [
      "cp",
      `${from}/team/several:v1`,
      `http://127.0.0.1:${proxy.port}/killed/several:v1`,
    ];
    const total = layers.reduce((sum, layer) => sum + layer.byteLength, 0);
    let left = total - smallest.byteLength;
    for (const share of [0.4, 0.35, null]) {
      const before = proxy.received;
      if (share === null) await ran(...line);
      else {
        const child = startBerth(home, line);
        await proxy.holdAfter(share * total);
        child.kill("SIGKILL");
        await child.exited;
        proxy.release();
      }
      expect(proxy.received - before).toBeLessThan(left + megabyte);
      const arrived = await Promise.all(layers.map(arrivedBytes));
      const whole = arrived.reduce((sum, bytes) => sum + bytes, 0);
      left = total - whole - (await uploadedBytes());
    }
    expect(left).toBe(0);
    for (const layer of layers) {
      const blob = await target.fetch(`/v2/killed/several/blobs/${digestOf(layer)}`);
      expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digestOf(layer));
    }
    expect((await manifestAt(target, "killed/several", "v1")).text).toBe(several);
  }, 120_000);

  test("by a kill: another run goes on with the file", async () => {
    const reading = await startBreakingProxy(Number(from.split(":")[1]));
    try {
      const image = `http://127.0.0.1:${reading.port}/team/large:v1`;
      const child = startBerth(home, ["pull", image, "oci:large"]);
      await reading.holdSentAfter(10e6);
      child.kill("SIGKILL");
      await child.exited;
      reading.release();
      const hex = digest.slice("sha256:".length);
      const partial = join(home.folder, "large", "partial", `sha256-${hex}`);
      const kept = readFileSync(partial).byteLength;
      expect(kept).toBeGreaterThan(0);
      const sent = reading.sent;
      await ran("pull", image, "oci:large");
      expect(reading.sent - sent).toBeLessThan(large.byteLength - kept + 1e6);
      const blob = readFileSync(join(home.folder, "large", "blobs", "sha256", hex));
      expect(digestOf(new Uint8Array(blob))).toBe(digest);
      expect(existsSync(partial)).toBe(false);
    } finally {
      await reading.stop();
    }
  });
});
