import { randomFillSync } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "../faults/support/child.ts";
import { describeContent, digestOf, makeImage, types } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";

export const repository = "team/app";

/** What a pull of a path must give. */
export interface Stored {
  readonly path: string;
  readonly digest: string;
}

export interface Size {
  /** Small ones. */
  readonly images: number;
  /** Of one image more. */
  readonly layers: number;
  readonly layerBytes: number;
}

/** Small images with a tag each, and one of large layers. */
export async function fill(
  client: OciClient,
  { images, layers, layerBytes }: Size,
  seed = "image",
): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (let at = 0; at < images; at++) {
    const image = makeImage(`${seed} ${at}`);
    await client.pushImage(repository, image, `${seed}-${at}`);
    stored.push({ path: `manifests/${seed}-${at}`, digest: image.digest });
    for (const content of [image.config, ...image.layers]) {
      const digest = digestOf(content);
      stored.push({ path: `blobs/${digest}`, digest });
    }
  }
  const { config } = makeImage(`${seed} large`);
  await client.pushBlob(repository, config);
  const described = [];
  const bytes = new Uint8Array(layerBytes);
  for (let at = 0; at < layers; at++) {
    for (let from = 0; from < layerBytes; from += 2 ** 30) {
      randomFillSync(bytes, from, Math.min(2 ** 30, layerBytes - from));
    }
    const digest = await client.pushBlob(repository, bytes);
    stored.push({ path: `blobs/${digest}`, digest });
    described.push(describeContent(bytes, types.layer));
  }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.image,
    config: describeContent(config, types.config),
    layers: described,
  });
  await client.pushManifest(repository, `${seed}-large`, manifest);
  stored.push({ path: `manifests/${seed}-large`, digest: digestOf(manifest) });
  return stored;
}

/** What does not come as it was stored. */
export async function pullAll(client: OciClient, stored: readonly Stored[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { path, digest } of stored) {
    const response = await client.fetch(`/v2/${repository}/${path}`);
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const chunk of response.body ?? []) hasher.update(chunk);
    const got = `sha256:${hasher.digest("hex")}`;
    if (response.status !== 200 || got !== digest) wrong.push(`${path}: ${response.status} ${got}`);
  }
  return wrong;
}

export interface Serving {
  readonly child: Child;
  readonly client: OciClient;
}

export async function serve(
  data: string,
  env: Readonly<Record<string, string>> = {},
  authorization: string | null = null,
): Promise<Serving> {
  const child = await startChild({ data, env });
  const client = createOciClient((path, init) => {
    const headers = new Headers(init?.headers);
    if (authorization !== null) headers.set("authorization", authorization);
    return fetch(child.url + path, { ...init, headers });
  });
  return { child, client };
}

/** Takes the secret key to a new data folder, as an operator who kept a copy of it. */
export function bringKey(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  copyFileSync(join(from, "secret.key"), join(to, "secret.key"));
}
