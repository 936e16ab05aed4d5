import { rmSync } from "node:fs";
import { anna, basic, type ClosedApp, startSetUpApp } from "../accounts/closed-app.ts";
import { openReceiver, type Receiver } from "../events/world.ts";
import {
  describeContent,
  digestOf,
  type Image,
  makeImage,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { askOperator } from "../support/operator.ts";
import { type TarPart, tarOf } from "../support/tar.ts";
import { onPostgres } from "../support/test-database.ts";
import type { Watched } from "./chromium.ts";

/** A registry with something of everything that the console shows. */
export interface World {
  readonly app: ClosedApp;
  readonly oci: OciClient;
  /** Receives messages, and answers with markup. */
  readonly evilReceiver: Receiver;
  remove(): Promise<void>;
}

export const repository = "payments/api";

/** What a person could put into names that people write freely. */
export const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

export async function makeWorld(): Promise<World> {
  const app = await startSetUpApp({ env: { BERTH_WEBHOOKS_ALLOW: "127.0.0.1" } });
  const oci = createOciClient((path, init = {}) =>
    app.fetch(path, {
      ...init,
      headers: { ...basic(anna), ...Object.fromEntries(new Headers(init.headers)) },
    }),
  );
  const made = await app.api(anna, "POST", "/api/v1/projects", {
    name: "payments",
    description: "Ledger postings and settlement",
  });
  if (made.status !== 201) throw new Error(`the project was answered ${made.status}`);
  const release = imageWithHistory("release", "amd64");
  const other = imageWithHistory("release", "arm64");
  for (const image of [release, other]) await oci.pushImage(repository, image);
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.index,
    manifests: [
      { ...release.descriptor, platform: { os: "linux", architecture: "amd64" } },
      { ...other.descriptor, platform: { os: "linux", architecture: "arm64" } },
    ],
  });
  for (const tag of ["2.14.1", "latest"]) await oci.pushManifest(repository, tag, index);
  await oci.pushBlob(repository, "{}");
  await oci.pushManifest(repository, digestOf(sbomOf(index)), sbomOf(index));
  for (const tag of ["2.13.0-rc.1", "2.13.0-rc.2", "pr-4819"]) {
    await oci.pushImage(repository, imageWithHistory(tag, "amd64"), tag);
  }
  for (const seed of ["main one", "main two"]) {
    await oci.pushImage(repository, imageWithHistory(seed, "amd64"), "main");
  }
  await oci.pushImage("web/storefront", makeImage("storefront"), "1");
  for (const [tag, parts] of Object.entries(filesOf)) await pushFiles(oci, tag, parts);
  const evilReceiver = openReceiver();
  evilReceiver.answer = () => new Response(evil, { status: 500, headers: { server: evil } });
  const remove = async () => {
    await evilReceiver.stop();
    rmSync(backupOf(app), { recursive: true, force: true });
    await app.remove();
  };
  return { app, oci, evilReceiver, remove };
}

/** As whoever runs the server does: browsers make none. */
export async function makeBackup({ app }: World): Promise<void> {
  const answer = await askOperator(app.folder, "POST", "/api/v1/backups", {
    target: backupOf(app),
    list_only: onPostgres,
  });
  if (!(await answer.text()).includes('"report"')) throw new Error("no backup was made");
}

function backupOf({ folder }: ClosedApp): string {
  return `${folder}-backup`;
}

/** Layers that can be unpacked, with names and words that hold markup. */
export const withFiles = "files/app";

const base: readonly TarPart[] = [
  { name: "etc/", type: "5", mode: 0o755 },
  { name: "etc/os-release", body: `NAME="${evil}"\n` },
  { name: "etc/localtime", type: "2", link: "../usr/share/zoneinfo/UTC" },
  { name: "usr/", type: "5", mode: 0o755 },
  { name: "usr/bin/", type: "5", mode: 0o755 },
  { name: "usr/bin/tool", body: new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]), mode: 0o755 },
  { name: evil.replaceAll("/", ""), body: evil },
  { name: "large.bin", body: "x".repeat(300 * 1024) },
];
const filesOf: Readonly<Record<string, readonly (readonly TarPart[])[]>> = {
  "1.0": [base],
  "1.1": [
    base,
    [
      { name: "etc/os-release", body: "NAME=Next\n" },
      { name: "etc/.wh.localtime", body: "" },
      { name: `etc/added-${evil.replaceAll("/", "")}`, body: "new" },
    ],
  ],
};

async function pushFiles(oci: OciClient, tag: string, layers: readonly (readonly TarPart[])[]) {
  const blobs = layers.map((parts) => Bun.gzipSync(tarOf(parts)));
  const config = JSON.stringify({
    ...{ architecture: "amd64", os: "linux" },
    config: { Env: [`VERSION=${tag}`, "SAME=1"], Labels: { version: `${tag}${evil}` } },
    rootfs: { type: "layers", diff_ids: blobs.map((blob) => digestOf(blob)) },
    history: blobs.map((_blob, index) => ({ created_by: `COPY part-${index} / # buildkit` })),
  });
  for (const blob of [config, ...blobs]) await oci.pushBlob(withFiles, blob);
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: types.image },
    config: describeContent(config, types.config),
    layers: blobs.map((blob) => describeContent(blob, types.layer)),
  });
  await oci.pushManifest(withFiles, tag, manifest);
}

function sbomOf(index: string): string {
  const type = "application/spdx+json";
  return makeReferrer(describeContent(index, types.index), "sbom", { artifactType: type });
}

/** With build lines, labels and settings that hold markup. */
export function imageWithHistory(seed: string, architecture: string): Image {
  const config = JSON.stringify({
    architecture,
    os: "linux",
    seed,
    created: "2026-11-20T10:00:00Z",
    config: {
      Entrypoint: ["tini", "--", "node"],
      Cmd: ["dist/server.js"],
      Env: ["NODE_ENV=production", `EVIL=${evil}`],
      ExposedPorts: { "8080/tcp": {} },
      WorkingDir: "/app",
      Labels: { "org.opencontainers.image.source": evil, team: "ledger" },
    },
    rootfs: { type: "layers", diff_ids: ["sha256:a", "sha256:b"] },
    history: [
      { created_by: "ADD rootfs.tar.xz / # buildkit" },
      { created_by: `ENV EVIL=${evil}`, empty_layer: true },
      { created_by: "RUN /bin/sh -c npm ci --omit=dev # buildkit" },
    ],
  });
  const image = makeImage(`${seed} ${architecture}`);
  const manifest = JSON.stringify({
    ...JSON.parse(image.manifest),
    config: describeContent(config, types.config),
  });
  return {
    ...image,
    config,
    manifest,
    digest: digestOf(manifest),
    descriptor: describeContent(manifest, types.image),
  };
}

/** Through the sign-in page, as a person does. */
export async function signIn({ page }: Watched, [name, password] = anna): Promise<void> {
  await page.goto("/signin");
  await page.fill("input[name=user]", name);
  await page.fill("input[name=password]", password);
  await page.click("button.go");
  await page.waitForURL("**/home");
  await page.waitForSelector("h1");
}
