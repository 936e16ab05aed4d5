import { expect } from "bun:test";
import { bytesOf, type Content, digestOf, type Image, type Json } from "./images.ts";

/** What a client of the distribution API does, in few words; each call expects to succeed. */
export interface OciClient {
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Pushes a blob with one POST and returns its digest. */
  pushBlob(repository: string, content: Content, algorithm?: "sha256" | "sha512"): Promise<string>;
  /** Opens an upload session and returns its location. */
  openUpload(repository: string, query?: string): Promise<string>;
  /** Pushes exactly these bytes. The type is the body's own unless it is given. */
  pushManifest(
    repository: string,
    reference: string,
    manifest: string,
    contentType?: string,
  ): Promise<Response>;
  /** Pushes the blobs and the manifest, by tag or, without one, by digest. */
  pushImage(repository: string, image: Image, tag?: string): Promise<string>;
  json(path: string): Promise<Json>;
  status(path: string, method?: string): Promise<number>;
}

export function createOciClient(fetch: OciClient["fetch"]): OciClient {
  const client: OciClient = {
    fetch,
    async pushBlob(repository, content, algorithm = "sha256") {
      const digest = digestOf(content, algorithm);
      const response = await fetch(`/v2/${repository}/blobs/uploads/?digest=${digest}`, {
        method: "POST",
        body: bytesOf(content),
      });
      await expectStatus(response, 201);
      return digest;
    },
    async openUpload(repository, query = "") {
      const response = await fetch(`/v2/${repository}/blobs/uploads/${query}`, { method: "POST" });
      await expectStatus(response, 202);
      return response.headers.get("location") ?? "";
    },
    async pushManifest(repository, reference, manifest, contentType) {
      const response = await fetch(`/v2/${repository}/manifests/${reference}`, {
        method: "PUT",
        headers: { "content-type": contentType ?? String(JSON.parse(manifest)["mediaType"]) },
        body: manifest,
      });
      await expectStatus(response, 201);
      return response;
    },
    async pushImage(repository, image, tag) {
      for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob);
      await client.pushManifest(repository, tag ?? image.digest, image.manifest);
      return image.digest;
    },
    async json(path) {
      const response = await fetch(path);
      await expectStatus(response, 200);
      return (await response.json()) as Json;
    },
    async status(path, method = "GET") {
      const response = await fetch(path, { method });
      await response.arrayBuffer();
      return response.status;
    },
  };
  return client;
}

/** Shows the answer's body where its status is another. */
export async function expectStatus(response: Response, status: number): Promise<void> {
  if (response.status === status) return;
  throw new Error(`${response.url}: ${response.status}, not ${status}: ${await response.text()}`);
}

export interface ErrorEntry {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

/** Reads the one error of an answer and checks the envelope's form (distribution-spec §Error Codes). */
export function readError(text: string): ErrorEntry {
  const body = JSON.parse(text) as { errors: ErrorEntry[] };
  expect(Object.keys(body)).toEqual(["errors"]);
  expect(body.errors).toHaveLength(1);
  const [error] = body.errors as [ErrorEntry];
  expect(error.code).toMatch(/^[A-Z_]+$/);
  expect(error.message).toBeString();
  expect(error.message).not.toBe("");
  return error;
}

/** The error of an answer that must have this status and code. */
export async function expectError(
  response: Response,
  status: number,
  code: string,
): Promise<ErrorEntry> {
  const text = await response.text();
  expect(`${response.status} ${text}`).toStartWith(`${status} {`);
  expect(response.headers.get("content-type")).toBe("application/json");
  const error = readError(text);
  expect(error.code).toBe(code);
  return error;
}
