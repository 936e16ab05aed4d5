import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  describeContent,
  digestOf,
  type Image,
  makeImage,
  makeIndex,
  makeReferrer,
  types,
} from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

let app: TestApp;
let client: OciClient;
let count = 0;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

/** A repository, in a project of its own, with the empty blob that referrers need. */
async function newRepository(): Promise<string> {
  count += 1;
  const name = `guarded${count}/app`;
  await client.pushBlob(name, "{}");
  return name;
}

interface Rule {
  readonly tags: readonly string[];
  readonly except?: readonly string[];
  readonly pattern?: string;
}

/** Rules and locks are rows that each transaction reads anew. */
async function addRule(name: string, { tags, except = [], pattern = "**" }: Rule): Promise<void> {
  await app.rows(
    `insert into tag_rules (id, project_id, pattern, tags, except_tags, retention_may_expire,
                            created_at, version)
     select ?, project_id, ?, ?, ?, 0, 0, 1 from repositories where name = ?`,
    Bun.randomUUIDv7(),
    pattern,
    JSON.stringify(tags),
    JSON.stringify(except),
    name,
  );
}

async function dropRules(name: string): Promise<void> {
  await app.rows(
    "delete from tag_rules where project_id = (select project_id from repositories where name = ?)",
    name,
  );
}

async function setLock(name: string, tag: string, at: number | null): Promise<void> {
  await app.rows(
    `update tags set locked_at = ?
      where name = ? and repository_id = (select id from repositories where name = ?)`,
    at,
    tag,
    name,
  );
}

const put = (name: string, reference: string, manifest: string, headers = {}) =>
  client.fetch(`/v2/${name}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": JSON.parse(manifest)["mediaType"] ?? types.image, ...headers },
    body: manifest,
  });
const remove = (name: string, path: string) =>
  client.fetch(`/v2/${name}/${path}`, { method: "DELETE" });
const seen = async (name: string, reference: string) => {
  const response = await client.fetch(`/v2/${name}/manifests/${reference}`);
  const type = response.headers.get("content-type");
  return response.status === 200 ? `${type} ${digestOf(await response.text())}` : null;
};
const auditOf = async (name: string) =>
  (
    await app.rows(
      `select action, resource, detail, actor_name, project_id from audit
        where resource like ? || '%' order by seq`,
      name,
    )
  ).map(({ action, resource, detail, actor_name, project_id }) => ({
    action,
    resource,
    detail: JSON.parse(String(detail)),
    actor_name,
    project_id,
  }));
const push = async (name: string, manifest: string) => {
  await client.pushManifest(name, digestOf(manifest), manifest);
  return digestOf(manifest);
};

/** Every kind of protection that keeps `v1` where it is. */
const protections: [string, (name: string) => Promise<void>, string][] = [
  [
    "a rule",
    (name) => addRule(name, { tags: ["w*", "v*"], except: ["*-dev"] }),
    'is immutable by the rule "w*", "v*" except "*-dev"',
  ],
  ["a lock", (name) => setLock(name, "v1", 1), "is locked"],
];

describe.each(protections)("under %s", (_kind, protect, reason) => {
  let name: string;
  let image: Image;
  let other: Image;

  async function prepare(): Promise<void> {
    name = await newRepository();
    image = makeImage(name);
    other = makeImage(`${name} other`);
    await client.pushImage(name, image, "v1");
    await client.pushImage(name, other);
    await protect(name);
  }

  /** What does not go: the tag stays, and the audit has no word of it. */
  async function expectRefused(answer: Promise<Response>): Promise<string> {
    const before = await auditOf(name);
    const error = await expectError(await answer, 403, "DENIED");
    expect(error.message).toStartWith(`the tag v1 of ${name} ${reason}: `);
    expect(error.detail).toMatchObject({ repository: name, tag: "v1", digest: image.digest });
    expect(await seen(name, "v1")).toBe(`${types.image} ${image.digest}`);
    expect(await auditOf(name)).toEqual(before);
    return error.message;
  }

  test("a tag is not pushed over, whatever the push says of it", async () => {
    await prepare();
    const message = await expectRefused(put(name, "v1", other.manifest));
    expect(message).toContain("push another tag");
    for (const headers of [
      { "if-match": `"${image.digest}"` },
      { "if-match": "*" },
      { "user-agent": "cosign/2.4" },
    ]) {
      await expectRefused(put(name, "v1", other.manifest, headers));
    }
  });

  test("nor by a push by digest that names it, alone or among others: then none is set", async () => {
    await prepare();
    const fresh = makeImage(`${name} fresh`);
    for (const blob of [fresh.config, ...fresh.layers]) await client.pushBlob(name, blob);
    await expectRefused(put(name, `${other.digest}?tag=v1`, other.manifest));
    await expectRefused(put(name, `${fresh.digest}?tag=a&tag=v1&tag=b`, fresh.manifest));
    for (const reference of ["a", "b", fresh.digest])
      expect(await seen(name, reference)).toBeNull();
  });

  test("it is not deleted, by its name or with its manifest", async () => {
    await prepare();
    await expectRefused(remove(name, "manifests/v1"));
    await expectRefused(remove(name, `manifests/${image.digest}`));
    // Neither is it when the manifest has many tags, of which it comes last.
    const tags = Array.from({ length: 50 }, (_, k) => `tag=a${k}`).join("&");
    await client.pushManifest(name, `${image.digest}?${tags}`, image.manifest);
    await expectRefused(remove(name, `manifests/${image.digest}`));
    expect(await seen(name, "a7")).toBe(`${types.image} ${image.digest}`);
    // What it stands on stays as well.
    for (const blob of [image.config, ...image.layers]) {
      const refused = await remove(name, `blobs/${digestOf(blob)}`);
      await expectError(refused, 405, "DENIED");
    }
  });

  test("an index of which it is a part stays whole", async () => {
    await prepare();
    const middle = makeIndex([image.descriptor, other.descriptor]);
    await push(name, middle);
    const root = await push(name, makeIndex([describeContent(middle, types.index)]));
    const message = await expectRefused(remove(name, `manifests/${root}`));
    expect(message).toEndWith(`it is part of ${root}, which stays as well`);
    for (const digest of [root, digestOf(middle), other.digest]) {
      expect(await seen(name, digest)).not.toBeNull();
    }
    // Held by something else too, it is no part that only the index holds.
    await client.pushManifest(name, "held", makeIndex([image.descriptor]));
    expect((await remove(name, `manifests/${root}`)).status).toBe(202);
    expect(await seen(name, "v1")).not.toBeNull();
  });

  test("what is signed by it stays", async () => {
    name = await newRepository();
    const subject = makeImage(`${name} subject`);
    await client.pushImage(name, subject, "subject");
    const signature = makeReferrer(subject.descriptor, "signature");
    image = { ...makeImage("unused"), digest: digestOf(signature) };
    await client.pushManifest(name, "v1", signature);
    await protect(name);
    await expectRefused(remove(name, `manifests/${subject.digest}`));
    expect(await seen(name, "subject")).not.toBeNull();
  });

  test("the same bytes are not to be read as another type", async () => {
    name = await newRepository();
    const bare = JSON.stringify({ ...JSON.parse(makeImage(name).manifest), mediaType: undefined });
    image = { ...makeImage(name), manifest: bare, digest: digestOf(bare) };
    for (const blob of [image.config, ...image.layers]) await client.pushBlob(name, blob);
    await client.pushManifest(name, "v1", bare, types.image);
    await protect(name);
    const type = { "content-type": "application/vnd.example.other+json" };
    await expectRefused(put(name, image.digest, bare, type));
    await expectRefused(put(name, "v1", bare, type));
    await expectRefused(put(name, "elsewhere", bare, type));
  });

  test("the same manifest may be pushed to it, and every other tag moves", async () => {
    await prepare();
    await client.pushManifest(name, "v1", image.manifest);
    await client.pushManifest(name, `${image.digest}?tag=v1&tag=free`, image.manifest);
    await client.pushManifest(name, "free", other.manifest);
    expect(await seen(name, "free")).toBe(`${types.image} ${other.digest}`);
    expect((await remove(name, "manifests/free")).status).toBe(202);
    expect((await remove(name, `manifests/${other.digest}`)).status).toBe(202);
    expect(await seen(name, "v1")).toBe(`${types.image} ${image.digest}`);
  });

  test("it goes again once nothing protects it", async () => {
    await prepare();
    await expectRefused(remove(name, "manifests/v1"));
    await dropRules(name);
    await setLock(name, "v1", null);
    await client.pushManifest(name, "v1", other.manifest);
    expect((await remove(name, `manifests/${other.digest}`)).status).toBe(202);
    expect(await seen(name, "v1")).toBeNull();
  });
});

describe("rules", () => {
  test("let a tag be made, once, by whoever comes first", async () => {
    const name = await newRepository();
    const images = Array.from({ length: 20 }, (_, k) => makeImage(`${name} ${k}`));
    for (const image of images) await client.pushImage(name, image);
    await addRule(name, { tags: ["v*"] });
    const answers = await Promise.all(images.map((image) => put(name, "v1", image.manifest)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array<number>(19).fill(403)]);
    const [winner] = images.filter((_, k) => answers[k]?.status === 201);
    expect(await seen(name, "v1")).toBe(`${types.image} ${winner?.digest}`);
  });

  test("know no tag that is not like others", async () => {
    const name = await newRepository();
    const [first, second] = [makeImage(`${name} 1`), makeImage(`${name} 2`)];
    await client.pushImage(name, first, "latest");
    await client.pushImage(name, second);
    await addRule(name, { tags: ["*"] });
    await expectError(await put(name, "latest", second.manifest), 403, "DENIED");
    await expectError(await remove(name, "manifests/latest"), 403, "DENIED");
    const referrers = `sha256-${second.digest.slice("sha256:".length)}`;
    await client.pushManifest(name, referrers, makeIndex([]));
    await expectError(await put(name, referrers, makeIndex([first.descriptor])), 403, "DENIED");
  });

  test("bind the repositories that their pattern names, in their own project", async () => {
    const name = await newRepository();
    const image = makeImage(name);
    await client.pushImage(name, image, "v1");
    await client.pushImage(`${name}-2`, image, "v1");
    await addRule(name, { tags: ["*"], pattern: `${name}/**` });
    expect((await remove(name, "manifests/v1")).status).toBe(403);
    expect((await remove(`${name}-2`, "manifests/v1")).status).toBe(202);
  });
});

test("whatever is done, no protected tag moves, goes, or is read in another way", async () => {
  const tags = ["v1", "v2", "v2-dev", "latest"];
  const operation = fc.record({
    kind: fc.constantFrom(
      ...["push", "retag", "several", "type", "index", "sign", "untag", "delete", "blob"],
      ...["lock", "unlock", "rule", "free"],
    ),
    tag: fc.constantFrom(...tags),
    image: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 60 }), async (operations) => {
      const name = await newRepository();
      const images = [0, 1, 2].map((k) => {
        const { manifest, ...rest } = makeImage(`${k}`);
        const bare = JSON.stringify({ ...JSON.parse(manifest), mediaType: undefined });
        const descriptor = describeContent(bare, types.image);
        return { ...rest, manifest: bare, descriptor, digest: digestOf(bare) };
      });
      for (const image of images) {
        for (const blob of [image.config, ...image.layers]) await client.pushBlob(name, blob);
      }
      const locked = new Set<string>();
      let ruled = false;
      for (const { kind, tag, image: k } of operations) {
        const image = images[k] ?? images[0];
        if (image === undefined) throw new Error("no image");
        const isProtected = (one: string) =>
          locked.has(one) || (ruled && one.startsWith("v") && !one.endsWith("-dev"));
        const before = new Map<string, string | null>();
        for (const one of tags) before.set(one, await seen(name, one));
        if (kind === "lock" && before.get(tag) !== null) {
          locked.add(tag);
          await setLock(name, tag, 1);
        } else if (kind === "unlock") {
          locked.delete(tag);
          await setLock(name, tag, null);
        } else if (kind === "rule" && !ruled) {
          ruled = true;
          await addRule(name, { tags: ["v*"], except: ["*-dev"] });
        } else if (kind === "free") {
          ruled = false;
          await dropRules(name);
        } else {
          await act(name, kind, tag, image);
          for (const one of tags) {
            const was = before.get(one);
            if (was !== null && isProtected(one)) {
              expect(`${kind} ${one} ${await seen(name, one)}`).toBe(`${kind} ${one} ${was}`);
            }
          }
        }
      }
    }),
    { numRuns: 15 },
  );

  async function act(name: string, kind: string, tag: string, image: Image): Promise<void> {
    const { manifest, digest, descriptor } = image;
    const dev = { "content-type": "application/vnd.example.other+json" };
    const work: Record<string, () => Promise<Response>> = {
      push: () => put(name, tag, manifest),
      retag: () => put(name, `${digest}?tag=${tag}`, manifest),
      several: () => put(name, `${digest}?tag=v2-dev&tag=v1&tag=${tag}`, manifest),
      type: () => put(name, digest, manifest, dev),
      index: () => put(name, tag, makeIndex([descriptor])),
      sign: () => put(name, tag, makeReferrer(descriptor, tag)),
      untag: () => remove(name, `manifests/${tag}`),
      delete: async () => {
        const current = await seen(name, tag);
        return await remove(name, `manifests/${current?.split(" ")[1] ?? digest}`);
      },
      blob: () => remove(name, `blobs/${digestOf(image.config)}`),
    };
    const response = await work[kind]?.();
    expect([undefined, 201, 202, 403, 404, 405]).toContain(response?.status);
    await response?.arrayBuffer();
  }
});

describe("the audit", () => {
  test("has one line for each push and deletion, and none where nothing changed", async () => {
    const name = await newRepository();
    const [first, second] = [makeImage(`${name} 1`), makeImage(`${name} 2`)];
    await client.pushImage(name, first, "a");
    await client.pushManifest(name, "a", first.manifest);
    await client.pushImage(name, second);
    await client.pushManifest(name, `${second.digest}?tag=a&tag=b`, second.manifest);
    await remove(name, "manifests/b");
    await remove(name, `manifests/${second.digest}`);
    await remove(name, "manifests/b");
    await remove(name, `blobs/${digestOf(second.layers[0] ?? "")}`);
    const moved = [
      { tag: "a", from: first.digest },
      { tag: "b", from: null },
    ];
    const lines = await auditOf(name);
    const [firstDigest, digest] = [first.digest, second.digest];
    expect(lines.map(({ actor_name: _a, project_id: _p, ...line }) => line as unknown)).toEqual([
      { action: "repository.created", resource: name, detail: {} },
      {
        action: "manifest.pushed",
        resource: `${name}:a`,
        detail: { digest: firstDigest, tags: [{ tag: "a", from: null }] },
      },
      {
        action: "manifest.pushed",
        resource: `${name}@${digest}`,
        detail: { digest, tags: [] },
      },
      { action: "tag.moved", resource: `${name}@${digest}`, detail: { digest, tags: moved } },
      { action: "tag.deleted", resource: `${name}:b`, detail: { digest } },
      {
        action: "manifest.deleted",
        resource: `${name}@${digest}`,
        detail: { tags: ["a"], tagCount: 1, manifests: 1 },
      },
      {
        action: "blob.deleted",
        resource: `${name}@${digestOf(second.layers[0] ?? "")}`,
        detail: { digest: digestOf(second.layers[0] ?? "") },
      },
    ]);
    const [{ project_id } = {}] = await app.rows(
      "select project_id from repositories where name = ?",
      name,
    );
    const who = { actor_name: "(anonymous)", project_id };
    for (const line of lines) expect(line).toMatchObject(who);
  });
});
