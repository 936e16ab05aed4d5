import type { Ask } from "./door.ts";
import { absentDigest, configDigest, image } from "./world.ts";

/** What Bun and the standard both call a Response. */
export type Answer = Pick<Response, "status" | "text"> & {
  readonly headers: Iterable<[string, string]>;
};

/** A request of the data plane that does no harm where it is let through. */
export interface PlaneRequest extends Ask {
  readonly method: string;
  /** As the table of routes has it. */
  readonly route: string;
  readonly path: (repository: string, upload: string) => string;
}

const tags = "/v2/<name>/tags/list";
const referrers = "/v2/<name>/referrers/<digest>";
const manifest = "/v2/<name>/manifests/<reference>";
const blob = "/v2/<name>/blobs/<digest>";
const uploads = "/v2/<name>/blobs/uploads/";
const upload = "/v2/<name>/blobs/uploads/<id>";

/** What is let through fails on its own words where it would write: refusals are what is looked for. */
export const planeRequests: readonly PlaneRequest[] = [
  ...read("/v2/", () => "/v2/"),
  ...read("/v2/_catalog", () => "/v2/_catalog"),
  ...read("/v2/_catalog", () => "/v2/_catalog?n=2"),
  ...read(tags, (name) => `/v2/${name}/tags/list`),
  ...read(tags, (name) => `/v2/${name}/tags/list?n=1&last=a`),
  ...read(referrers, (name) => `/v2/${name}/referrers/${image.digest}`),
  ...read(referrers, (name) => `/v2/${name}/referrers/${absentDigest}?artifactType=a/b`),
  ...read(manifest, (name) => `/v2/${name}/manifests/v1`),
  ...read(manifest, (name) => `/v2/${name}/manifests/${image.digest}`),
  ...read(manifest, (name) => `/v2/${name}/manifests/v1`, { "if-none-match": "*" }),
  ...read(blob, (name) => `/v2/${name}/blobs/${configDigest}`),
  ...read(tags, (name) => `/v2/${past()}/${name}/tags/list`),
  ...read(referrers, (name) => `/v2/${past()}/${name}/referrers/${image.digest}`),
  ...read(manifest, (name) => `/v2/${past()}/${name}/manifests/v1`),
  ...read(manifest, (name) => `/v2/${past()}/${name}/manifests/${image.digest}`),
  ...read(blob, (name) => `/v2/${past()}/${name}/blobs/${configDigest}`),
  ...read(blob, (name) => `/v2/${name}/blobs/${configDigest}`, { range: "bytes=0-3" }),
  write("PUT", manifest, (name) => `/v2/${name}/manifests/v1`, "not a manifest"),
  write("PUT", manifest, (name) => `/v2/${name}/manifests/v2?tag=v1&tag=v3`, "not a manifest"),
  write("PUT", manifest, (name) => `/v2/${name}/manifests/${absentDigest}?tag=v1`, "not it"),
  write("DELETE", manifest, (name) => `/v2/${name}/manifests/none`),
  write("DELETE", manifest, (name) => `/v2/${name}/manifests/${absentDigest}`),
  write("DELETE", blob, (name) => `/v2/${name}/blobs/${absentDigest}`),
  write("POST", uploads, (name) => `/v2/${name}/blobs/uploads/?digest=none`, "0123456789"),
  write("POST", uploads, (name) => `/v2/${name}/blobs/uploads/?mount=none`),
  write("POST", uploads, (name) => `/v2/${name}/blobs/uploads/?mount=none&from=plaza/app`),
  ...read(upload, (name, id) => `/v2/${name}/blobs/uploads/${id}`),
  write("PATCH", upload, (name, id) => `/v2/${name}/blobs/uploads/${id}`, "x", {
    "content-range": "7-7",
  }),
  write("PUT", upload, (name, id) => `/v2/${name}/blobs/uploads/${id}`, "x"),
  write("DELETE", upload, (name) => `/v2/${name}/blobs/uploads/${absentDigest.slice(7)}`),
];

/** The millisecond that has just passed. */
function past(): string {
  return `asof/${new Date(Date.now() - 1).toISOString().replace(/[-:.]/g, "").toLowerCase()}`;
}

function read(
  route: string,
  path: PlaneRequest["path"],
  headers: Record<string, string> = {},
): readonly PlaneRequest[] {
  return ["GET", "HEAD"].map((method) => ({ method, route, path, headers }));
}

function write(
  method: string,
  route: string,
  path: PlaneRequest["path"],
  body?: string,
  headers: Record<string, string> = {},
): PlaneRequest {
  return { method, route, path, headers, body };
}

/** What an answer tells of rights. `gone`: of a thing in a repository, which therefore is there. */
export async function seen(
  answer: Answer,
  { method, route }: PlaneRequest,
): Promise<"yes" | 401 | 403 | 404> {
  const text = await answer.text();
  if (answer.status === 401 || answer.status === 403) return answer.status;
  if (answer.status !== 404) return "yes";
  // Without a body an upload of nobody looks like a repository of nobody.
  if (method === "HEAD") return route === upload ? "yes" : 404;
  return text.includes('"NAME_UNKNOWN"') ? 404 : "yes";
}
