import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../support/images.ts";
import { createOciClient, expectStatus } from "../support/oci-client.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type S3Server, s3Settings, startWeakS3 } from "../support/s3-servers.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
const mebibyte = 1024 * 1024;

let postgres: TestPostgres;
let server: S3Server;
let nodes: TestApp[];

beforeAll(async () => {
  [postgres, server] = await Promise.all([startPostgres(), startWeakS3()]);
  const database = await postgres.createDatabase();
  const secret = Buffer.alloc(32, 7).toString("base64");
  nodes = [];
  for (let i = 0; i < 2; i++) {
    const env = {
      ...s3Settings(server, "nodes"),
      BERTH_DATABASE: database,
      BERTH_SECRET_KEY: secret,
    };
    nodes.push(await startTestApp({ env }));
  }
});

afterAll(async () => {
  for (const node of nodes) await node.remove();
  await server.stop();
  await postgres.remove();
});

const at = (index: number) => nodes[index % 2] as TestApp;

describe("two nodes on PostgreSQL and S3", () => {
  test("take the chunks of one upload in turn, and its end on either", async () => {
    const content = new Uint8Array(14 * mebibyte).map((_, i) => (i >> 5) + i * 3);
    const location = await createOciClient(at(0).fetch).openUpload(repository);
    for (let i = 0; i * mebibyte < content.length; i += 2) {
      const body = content.slice(i * mebibyte, (i + 2) * mebibyte);
      const sent = await at(i / 2).fetch(location, { method: "PATCH", body });
      await expectStatus(sent, 202);
      const status = await at(i / 2 + 1).fetch(location);
      expect(status.headers.get("range")).toBe(sent.headers.get("range"));
    }
    const digest = digestOf(content);
    await expectStatus(await at(1).fetch(`${location}?digest=${digest}`, { method: "PUT" }), 201);
    for (const node of nodes) {
      const stored = await node.fetch(`/v2/${repository}/blobs/${digest}`);
      expect(digestOf(await stored.bytes())).toBe(digest);
    }
  });

  test("end an upload that the other one took whole without reading it again", async () => {
    const content = new Uint8Array(11 * mebibyte).fill(5);
    const digest = digestOf(content);
    const location = await createOciClient(at(0).fetch).openUpload(repository);
    await expectStatus(await at(0).fetch(location, { method: "PATCH", body: content }), 202);
    const before = await sentRequests(at(1));
    await expectStatus(await at(1).fetch(`${location}?digest=${digest}`, { method: "PUT" }), 201);
    // The rest as a last part, the end, the size, and the rest's own object away.
    expect((await sentRequests(at(1))) - before).toBeLessThanOrEqual(5);
  });

  test("push the same blobs at once, and both have them", async () => {
    const contents = Array.from({ length: 20 }, (_, i) => new Uint8Array(5_000).fill(i));
    await Promise.all(
      nodes.flatMap((node) =>
        contents.map((content) => createOciClient(node.fetch).pushBlob(repository, content)),
      ),
    );
    for (const [i, content] of contents.entries()) {
      const stored = await at(i).fetch(`/v2/${repository}/blobs/${digestOf(content)}`);
      expect(digestOf(await stored.bytes())).toBe(digestOf(content));
    }
  });
});

async function sentRequests(node: TestApp): Promise<number> {
  const metrics = await (await node.fetch("/metrics")).text();
  return Number(/^berth_s3_requests_total (\d+)/m.exec(metrics)?.[1]);
}
