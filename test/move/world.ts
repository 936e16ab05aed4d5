import { expect } from "bun:test";
import { randomFillSync } from "node:crypto";
import { describeContent, digestOf, makeImage, types } from "../support/images.ts";
import { expectError, type OciClient } from "../support/oci-client.ts";

const images = 40;
const layers = 12;
const layerBytes = 6_000_000;
export const repository = "team/app";

/** What a pull of a path must give. */
export interface Stored {
  readonly path: string;
  readonly digest: string;
}

/** Small images, and a few large layers. */
export async function fill(client: OciClient): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (let at = 0; at < images; at++) {
    const image = makeImage(`image ${at}`);
    await client.pushImage(repository, image, `v${at}`);
    stored.push({ path: `manifests/v${at}`, digest: image.digest });
    stored.push({ path: `manifests/${image.digest}`, digest: image.digest });
    for (const content of [image.config, ...image.layers]) {
      const digest = digestOf(content);
      stored.push({ path: `blobs/${digest}`, digest });
    }
  }
  const config = makeImage("large").config;
  await client.pushBlob(repository, config);
  const described = [];
  for (let at = 0; at < layers; at++) {
    const bytes = randomFillSync(new Uint8Array(layerBytes));
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
  await client.pushManifest(repository, "large", manifest);
  stored.push({ path: "manifests/large", digest: digestOf(manifest) });
  return stored;
}

export async function pull(client: OciClient, { path, digest }: Stored): Promise<string | null> {
  const response = await client.fetch(`/v2/${repository}/${path}`);
  const got = digestOf(new Uint8Array(await response.arrayBuffer()));
  return response.status === 200 && got === digest ? null : `${path}: ${response.status}, ${got}`;
}

export async function pullAll(client: OciClient, stored: readonly Stored[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const one of stored) {
    const said = await pull(client, one);
    if (said !== null) wrong.push(said);
  }
  return wrong;
}

/** Every change is refused in the same words, and the client is told when to ask again. */
export async function expectRefusals(client: OciClient): Promise<void> {
  const changes: [string, string, RequestInit?][] = [
    ["POST", `blobs/uploads/`],
    ["POST", `blobs/uploads/?digest=${digestOf("new")}`, { body: "new" }],
    ["POST", `blobs/uploads/?mount=${digestOf(makeImage("image 1").config)}&from=${repository}`],
    ["DELETE", "manifests/v1"],
    ["DELETE", `manifests/${makeImage("image 2").digest}`],
    [
      "PUT",
      "manifests/again",
      { body: makeImage("image 3").manifest, headers: { "content-type": types.image } },
    ],
  ];
  for (const [method, path, init] of changes) {
    const response = await client.fetch(`/v2/${repository}/${path}`, { method, ...init });
    expect(response.headers.get("retry-after")).toBe("30");
    const { message } = await expectError(response, 503, "UNAVAILABLE");
    expect(message).toContain("is being moved to another place");
  }
}
