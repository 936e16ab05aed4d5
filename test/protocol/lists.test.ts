import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf, makeIndex, types } from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
const empty = makeIndex([]);

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

/** The order of bytes, which is not that of `localeCompare`. */
const inOrder = (names: Iterable<string>) => [...new Set(names)].sort();

function nextOf(response: Response): string | null {
  const link = response.headers.get("link");
  if (link === null) return null;
  const match = /^<(\/v2\/[^>]*)>; rel="next"$/.exec(link);
  expect(match).not.toBeNull();
  return match?.[1] ?? null;
}

/** Follows the links from `path`; each page but the last must be full. */
async function allPages(path: string, key: string, n: number): Promise<string[]> {
  const names: string[] = [];
  for (let next: string | null = path, pages = 0; next !== null && pages < 1_000; pages++) {
    const response: Response = await client.fetch(next);
    expect(response.status).toBe(200);
    const page = ((await response.json()) as Record<string, string[]>)[key] ?? [];
    next = nextOf(response);
    if (next !== null) expect(page).toHaveLength(n);
    names.push(...page);
  }
  return names;
}

async function pushTags(name: string, tags: readonly string[]): Promise<void> {
  const digest = (await client.pushManifest(name, tags[0] ?? "", empty)).headers.get(
    "docker-content-digest",
  );
  const batches = Array.from({ length: Math.ceil(tags.length / 100) }, (_, batch) =>
    tags.slice(batch * 100, batch * 100 + 100).map((tag) => `tag=${tag}`),
  );
  await Promise.all(
    batches.map((query) =>
      client.pushManifest(name, `${digest}?${query.join("&")}`, empty, types.index),
    ),
  );
}

describe("tags", () => {
  const tags = ["v1", "v10", "v2", "V1", "latest", "_x", "1.0", "1.0.1", "a.b-c_d", "Z", "a"];

  beforeAll(() => pushTags(repository, tags));

  test("all of them, in the order of bytes", async () => {
    const response = await client.fetch(`/v2/${repository}/tags/list`);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("link")).toBeNull();
    expect(await response.json()).toEqual({ name: repository, tags: inOrder(tags) });
  });

  test("HEAD", async () => {
    const response = await client.fetch(`/v2/${repository}/tags/list`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("n, last and Link", async () => {
    const sorted = inOrder(tags);
    const first = await client.fetch(`/v2/${repository}/tags/list?n=3`);
    expect(await first.json()).toEqual({ name: repository, tags: sorted.slice(0, 3) });
    expect(nextOf(first)).toBe(`/v2/${repository}/tags/list?n=3&last=${sorted[2]}`);
    const exact = await client.fetch(`/v2/${repository}/tags/list?n=${tags.length}`);
    expect(nextOf(exact)).toBeNull();
    const rest = await client.json(`/v2/${repository}/tags/list?last=${sorted[4]}`);
    expect(rest["tags"]).toEqual(sorted.slice(5));
    const after = await client.json(`/v2/${repository}/tags/list?last=v1zzz`);
    expect(after["tags"]).toEqual(sorted.filter((tag) => tag > "v1zzz"));
  });

  test("n=0 is an empty list without Link", async () => {
    const response = await client.fetch(`/v2/${repository}/tags/list?n=0`);
    expect(await response.json()).toEqual({ name: repository, tags: [] });
    expect(response.headers.get("link")).toBeNull();
  });

  test("a repository without a tag has an empty list, one that does not exist is 404", async () => {
    await client.pushBlob("team/blobs-only", "x");
    const list = await client.json("/v2/team/blobs-only/tags/list");
    expect(list).toEqual({ name: "team/blobs-only", tags: [] });
    await expectError(await client.fetch("/v2/team/none/tags/list"), 404, "NAME_UNKNOWN");
  });

  test("10,100 tags: all in one answer, and pages of at most 10,000", async () => {
    const many = Array.from({ length: 10_100 }, (_, i) => `t${i}`);
    await pushTags("team/many", many);
    const all = await client.fetch("/v2/team/many/tags/list");
    expect(all.headers.get("link")).toBeNull();
    expect(await all.json()).toEqual({ name: "team/many", tags: inOrder(many) });
    expect(await allPages("/v2/team/many/tags/list?n=1000000", "tags", 10_000)).toEqual(
      inOrder(many),
    );
  });

  test("pages put together are the whole list, whatever the names and the page's size", async () => {
    const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/);
    const lists = fc.record({
      names: fc.uniqueArray(tag, { minLength: 1, maxLength: 60 }),
      n: fc.integer({ min: 1, max: 25 }),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(lists, async ({ names, n }) => {
        run += 1;
        const name = `pages/r${run}`;
        await pushTags(name, names);
        expect(await allPages(`/v2/${name}/tags/list?n=${n}`, "tags", n)).toEqual(inOrder(names));
        expect((await client.json(`/v2/${name}/tags/list`))["tags"]).toEqual(inOrder(names));
      }),
      { numRuns: 25 },
    );
  });

  test("a tag that moves or goes is in the list as it is now", async () => {
    await client.pushManifest("team/moves", "a", empty);
    await client.pushManifest("team/moves", "b", empty);
    expect(await client.status("/v2/team/moves/manifests/a", "DELETE")).toBe(202);
    expect((await client.json("/v2/team/moves/tags/list"))["tags"]).toEqual(["b"]);
    expect(await client.status("/v2/team/moves/manifests/a")).toBe(404);
    await client.pushManifest("team/moves", "a", empty);
    expect((await client.json("/v2/team/moves/tags/list"))["tags"]).toEqual(["a", "b"]);
  });
});

describe("the catalog", () => {
  test("has repositories with a manifest, in order, in pages", async () => {
    const own = await startTestApp();
    const ownClient = createOciClient(own.fetch);
    try {
      const names = ["one", "one/two", "one-two", "b/c/d", "a", "zoo"];
      for (const name of names) await ownClient.pushManifest(name, "v1", empty);
      await ownClient.pushBlob("no/manifest", "x");
      expect(await ownClient.json("/v2/_catalog")).toEqual({ repositories: inOrder(names) });
      const page = await own.fetch("/v2/_catalog?n=2");
      expect(await page.json()).toEqual({ repositories: ["a", "b/c/d"] });
      expect(nextOf(page)).toBe("/v2/_catalog?n=2&last=b%2Fc%2Fd");
      const next = await own.fetch(nextOf(page) ?? "");
      expect(await next.json()).toEqual({ repositories: ["one", "one-two"] });
      expect(await ownClient.json("/v2/_catalog?n=0")).toEqual({ repositories: [] });
    } finally {
      await own.remove();
    }
  });

  test("pages put together are the whole list", async () => {
    const whole = (await client.json("/v2/_catalog"))["repositories"] as string[];
    expect(whole.length).toBeGreaterThan(20);
    for (const n of [1, 2, 7, whole.length, whole.length + 1]) {
      expect(await allPages(`/v2/_catalog?n=${n}`, "repositories", n)).toEqual(whole);
    }
  });
});

test("a list that is read slowly stays JSON when its tags are deleted meanwhile", async () => {
  const name = "team/shrinking";
  await client.pushManifest(name, "keep", makeIndex([], { annotations: { other: "1" } }));
  const digest = digestOf(empty);
  for (let from = 0; from < 25_000; from += 100) {
    const tags = Array.from({ length: 100 }, (_, k) => `tag=t${String(from + k).padStart(6, "0")}`);
    await client.pushManifest(name, `${digest}?${tags.join("&")}`, empty);
  }
  const response = await client.fetch(`/v2/${name}/tags/list`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks = [(await reader.read()).value ?? new Uint8Array()];
  expect(await client.status(`/v2/${name}/manifests/${digest}`, "DELETE")).toBe(202);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  const { tags } = JSON.parse(Buffer.concat(chunks).toString()) as { tags: string[] };
  expect(tags.length).toBeGreaterThanOrEqual(10_000);
  expect(tags).toEqual(inOrder(tags));
});
