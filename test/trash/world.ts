import { afterAll, beforeAll, expect } from "bun:test";
import { type ApiClient, type ApiServer, openApi } from "../support/api-client.ts";
import {
  describeContent,
  digestOf,
  type Json,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";

export interface Unit {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly manifests: number;
}

export interface Restored {
  readonly restored: boolean;
  readonly problem: string | null;
  readonly manifests: number;
  readonly tags: readonly string[];
  readonly taken: readonly Json[];
}

/** A server with a project `team` and people of each role, for the tests of one file. */
export function trashWorld() {
  let server: ApiServer;
  let client: OciClient;
  const people = new Map<string, ApiClient>();
  let count = 0;

  beforeAll(async () => {
    server = await openApi();
    const { admin } = server;
    client = clientOf(admin);
    await admin.post("/projects", { name: "team" });
    for (const role of ["owner", "maintainer", "developer"]) {
      people.set(role, await server.user(role));
      expect((await admin.put(`/projects/team/members/${role}`, { role })).status).toBe(200);
    }
    people.set("stranger", await server.user("stranger"));
    people.set("administrator", admin);
  });

  afterAll(() => server.stop());

  function clientOf(api: ApiClient): OciClient {
    return createOciClient((path, init = {}) => api.raw(init.method ?? "GET", path, init));
  }

  function as(who: string): ApiClient {
    const found = people.get(who);
    if (found === undefined) throw new Error(`nobody is ${who}`);
    return found;
  }

  /** A repository of its own, with the empty blob that referrers need. */
  async function newRepository(project = "team"): Promise<string> {
    count += 1;
    const name = `${project}/r${count}`;
    await client.pushBlob(name, "{}");
    return name;
  }

  async function trashOf(repository: string, who = "administrator"): Promise<Unit[]> {
    const { status, body } = await as(who).get(
      `/trash?repository=${encodeURIComponent(repository)}`,
    );
    expect(status).toBe(200);
    return body["items"] as Unit[];
  }

  async function restore(ids: readonly string[], who = "administrator"): Promise<Restored[]> {
    const { status, body } = await as(who).post("/trash/restore", { units: ids });
    expect(`${status} ${JSON.stringify(body)}`).toStartWith("200 ");
    return body["units"] as Restored[];
  }

  async function restoreOnly(repository: string): Promise<Restored> {
    const units = await trashOf(repository);
    expect(units).toHaveLength(1);
    const [restored] = await restore(units.map(({ id }) => id));
    if (restored === undefined) throw new Error("no answer");
    return restored;
  }

  const remove = async (name: string, reference: string) =>
    expect(await client.status(`/v2/${name}/manifests/${reference}`, "DELETE")).toBe(202);
  const status = (name: string, reference: string) =>
    client.status(`/v2/${name}/manifests/${reference}`);
  const referrers = async (name: string, subject: string) => {
    const list = await client.json(`/v2/${name}/referrers/${subject}`);
    return (list["manifests"] as { digest: string }[]).map(({ digest }) => digest);
  };
  const path = (repository: string) => `/repositories/${encodeURIComponent(repository)}`;

  /** An index of two images, signed, each with an SBOM. */
  async function pushGraph(name: string, tags: readonly string[]) {
    const images = [makeImage(`${name} amd64`), makeImage(`${name} arm64`)];
    for (const image of images) await client.pushImage(name, image);
    const index = makeIndex(images.map(({ descriptor }) => descriptor));
    for (const tag of tags) await client.pushManifest(name, tag, index);
    const signature = makeReferrer(describeContent(index, types.index), "signature");
    const sboms = images.map(({ descriptor }) => makeReferrer(descriptor, "sbom"));
    for (const referrer of [signature, ...sboms]) {
      await client.pushManifest(name, digestOf(referrer), referrer);
    }
    const all = [index, signature, ...sboms, ...images.map(({ manifest }) => manifest)];
    return {
      index,
      images,
      signature,
      digest: digestOf(index),
      digests: all.map((m) => digestOf(m)),
    };
  }

  return {
    server: () => server,
    client: () => client,
    ...{ clientOf, as, newRepository, trashOf, restore, restoreOnly },
    ...{ remove, status, referrers, path, pushGraph },
  };
}
