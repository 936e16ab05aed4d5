import { expect } from "bun:test";
import { createHash } from "node:crypto";

export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

const manifestTypes = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
].join(", ");

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
  readonly manifest: Manifest;
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

const authorizations = new Map<string, string>();

/** From now on requests of the test itself bring this `Authorization` to the host. */
export function signDoorIn(host: string, authorization: string): void {
  authorizations.set(host, authorization);
}

/** Requests of the test itself, made without any client, so that both ends can be compared. */
export function door(host: string) {
  const base = `http://${host}`;

  async function request(path: string, init: RequestInit, ...accepted: number[]) {
    const headers = new Headers(init.headers);
    const authorization = authorizations.get(host);
    if (authorization !== undefined) headers.set("authorization", authorization);
    const answer = await fetch(new URL(path, base), { ...init, headers });
    if (!accepted.includes(answer.status)) {
      const method = init.method ?? "GET";
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    }
    return answer;
  }

  async function pushBlob(repository: string, digest: string, body: Uint8Array | Blob) {
    const known = await request(`/v2/${repository}/blobs/${digest}`, { method: "HEAD" }, 200, 404);
    if (known.status === 200) return;
    const started = await request(`/v2/${repository}/blobs/uploads/`, { method: "POST" }, 202);
    const location = new URL(started.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digest);
    const headers = { "content-type": "application/octet-stream" };
    await request(location.href, { method: "PUT", body, headers }, 201);
  }

  async function pushManifest(repository: string, reference: string, text: string) {
    const { mediaType = "" } = JSON.parse(text) as Manifest;
    const answer = await request(
      `/v2/${repository}/manifests/${reference}`,
      { method: "PUT", body: text, headers: { "content-type": mediaType } },
      201,
    );
    expect(answer.headers.get("docker-content-digest")).toBe(digestOf(text));
    await answer.arrayBuffer();
    return digestOf(text);
  }

  async function getManifest(repository: string, reference: string): Promise<StoredManifest> {
    const headers = { accept: manifestTypes };
    const answer = await request(`/v2/${repository}/manifests/${reference}`, { headers }, 200);
    const text = await answer.text();
    const digest = digestOf(text);
    expect(answer.headers.get("docker-content-digest")).toBe(digest);
    if (reference.startsWith("sha256:")) expect(digest).toBe(reference);
    const manifest = JSON.parse(text) as Manifest;
    return { digest, text, manifest, mediaType: answer.headers.get("content-type") ?? "" };
  }

  async function checkBlob(repository: string, { digest, size }: Descriptor) {
    const answer = await request(`/v2/${repository}/blobs/${digest}`, {}, 200);
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of answer.body ?? []) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    expect({ digest: `sha256:${hash.digest("hex")}`, size: bytes }).toEqual({ digest, size });
  }

  /** Reads everything under a reference back and hashes it; gives the digest of the manifest. */
  async function readBack(repository: string, reference: string): Promise<StoredManifest> {
    const stored = await getManifest(repository, reference);
    const { config, layers = [], manifests = [] } = stored.manifest;
    for (const blob of config === undefined ? layers : [config, ...layers]) {
      await checkBlob(repository, blob);
    }
    for (const child of manifests) await readBack(repository, child.digest);
    return stored;
  }

  async function tags(repository: string): Promise<string[]> {
    const answer = await request(`/v2/${repository}/tags/list`, {}, 200);
    return ((await answer.json()) as { tags: string[] | null }).tags ?? [];
  }

  async function referrers(repository: string, digest: string): Promise<readonly Descriptor[]> {
    const answer = await request(`/v2/${repository}/referrers/${digest}`, {}, 200);
    return ((await answer.json()) as Manifest).manifests ?? [];
  }

  /** The status of a HEAD of a manifest: 200 or 404. */
  async function manifestStatus(repository: string, reference: string): Promise<number> {
    const init = { method: "HEAD", headers: { accept: manifestTypes } };
    return (await request(`/v2/${repository}/manifests/${reference}`, init, 200, 404)).status;
  }

  return { pushBlob, pushManifest, getManifest, readBack, tags, referrers, manifestStatus };
}

export type Door = ReturnType<typeof door>;
