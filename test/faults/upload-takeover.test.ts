import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createClient, type Outcome, statusOf } from "./support/client.ts";
import { contentOf, createLedger, digestOf } from "./support/ledger.ts";
import type { Node, Nodes } from "./support/nodes.ts";
import { startNodes } from "./support/nodes.ts";
import { bytesOf, createRandom } from "./support/random.ts";
import { describeFaults } from "./support/requirements.ts";
import { openSlowRequest } from "./support/slow-upload.ts";
import { openStack, type Stack } from "./support/stack.ts";

/** More than one part of an upload to S3. */
const bytesOfBlob = 14 * 1024 * 1024 + 777;
const third = Math.ceil(bytesOfBlob / 3);
/** A claim on a session that is not renewed is over after 10 s. */
const pauseMs = 12_500;
const repository = "takeover/app";

let stack: Stack;
let nodes: Nodes;

describeFaults("an upload that several nodes go on with", ["PostgreSQL"], () => {
  beforeAll(async () => {
    stack = await openStack({ random: createRandom(1) });
    nodes = await startNodes({ count: 3, env: () => stack.env });
  });

  afterAll(async () => {
    await nodes?.remove();
    await stack?.stop();
  });

  afterEach(async () => {
    const { code, output } = await at(2).command("verify");
    expect(output).toContain("nothing is wrong");
    expect(code).toBe(0);
  });

  test("its chunks come to each node in turn", async () => {
    const upload = await begin(at(0));
    for (let first = 0, turn = 0; first < bytesOfBlob; first += third, turn++) {
      const answer = await sendChunk(at(turn), upload, first, first + third);
      expect(statusOf(answer)).toBe(202);
    }
    await finishes(at(1), upload, bytesOfBlob);
    await isWhole(upload);
  });

  test("a node is killed in the middle of a chunk", async () => {
    const upload = await begin(at(0));
    expect(statusOf(await sendChunk(at(0), upload, 0, third))).toBe(202);
    const slow = await openSlowRequest(at(0).url, "PATCH", upload.location, third);
    await slow.send(upload.bytes.subarray(third, third + third / 2));
    await Bun.sleep(300);
    await at(0).kill();
    expect(await slow.status).toBe(0);
    expect(await offsetAt(at(1), upload)).toBe(third);
    expect(statusOf(await sendChunk(at(1), upload, third, 2 * third))).toBe(202);
    await at(0).start();
    await finishes(at(2), upload, 2 * third);
    await isWhole(upload);
  });

  test("a node is paused in the middle of chunks and of an end, and comes back when others went on", async () => {
    // One goes on elsewhere by a chunk, one is ended elsewhere; of the third the last byte comes while
    // the node sleeps.
    const [goesOn, ends, ending] = [await begin(at(0)), await begin(at(0)), await begin(at(0))];
    const half = Math.floor(bytesOfBlob / 2);
    expect(statusOf(await sendChunk(at(0), goesOn, 0, third))).toBe(202);
    expect(statusOf(await sendChunk(at(0), ending, 0, half))).toBe(202);
    const chunks = await Promise.all(
      [goesOn, ends].map(({ location }) => {
        return openSlowRequest(at(0).url, "PATCH", location, third);
      }),
    );
    for (const chunk of chunks) await chunk.send(garbage(third / 2));
    const path = `${ending.location}?digest=${ending.digest}`;
    const end = await openSlowRequest(at(0).url, "PUT", path, bytesOfBlob - half);
    await end.send(ending.bytes.subarray(half, bytesOfBlob - 1));
    await Bun.sleep(300);
    at(0).pause();
    await end.send(ending.bytes.subarray(bytesOfBlob - 1));
    await Bun.sleep(pauseMs);

    expect(await offsetAt(at(1), goesOn)).toBe(third);
    expect(statusOf(await sendChunk(at(1), goesOn, third, 2 * third))).toBe(202);
    await finishes(at(1), ends, 0);
    await finishes(at(1), ending, half);
    at(0).resume();
    for (const chunk of chunks) {
      await chunk.send(garbage(third - Math.floor(third / 2)));
      expect(await chunk.status).not.toBe(202);
    }
    // It may say that the blob is there, which it is, or that the bytes of this upload are gone.
    expect([201, 400, 404, 409, 503]).toContain(await end.status);
    expect(await offsetAt(at(2), goesOn)).toBe(2 * third);
    await finishes(at(2), goesOn, 2 * third);
    for (const upload of [goesOn, ends, ending]) await isWhole(upload);
  });
});

function at(number: number): Node {
  return nodes.all[number % nodes.all.length] as Node;
}

const ledger = createLedger();

async function call(node: Node, ...request: Parameters<ReturnType<typeof createClient>["call"]>) {
  const outcome = await createClient(node.url, ledger).call(...request);
  expect(ledger.violations).toEqual([]);
  return outcome;
}

interface Upload {
  readonly location: string;
  readonly digest: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

let blobs = 0;

/** Of a blob that nobody has, so that its bytes must come. */
async function begin(node: Node): Promise<Upload> {
  const seed = 31_337 + blobs++;
  const { digest } = contentOf(seed, bytesOfBlob);
  const answer = await call(node, "POST", `/v2/${repository}/blobs/uploads/`);
  expect(statusOf(answer)).toBe(202);
  const location = headerOf(answer, "location");
  return { location, digest, bytes: bytesOf(seed, bytesOfBlob) };
}

function sendChunk(
  node: Node,
  { location, bytes }: Upload,
  first: number,
  end: number,
): Promise<Outcome> {
  const body = bytes.slice(first, end);
  const range = `${first}-${first + body.length - 1}`;
  const headers = { "content-type": "application/octet-stream", "content-range": range };
  return call(node, "PATCH", location, { headers, body });
}

async function offsetAt(node: Node, { location }: Upload): Promise<number> {
  const answer = await call(node, "GET", location);
  expect(statusOf(answer)).toBe(204);
  return Number(headerOf(answer, "range").split("-")[1]) + 1;
}

async function finishes(
  node: Node,
  { location, digest, bytes }: Upload,
  from: number,
): Promise<void> {
  const path = `${location}?digest=${digest}`;
  const answer = await call(node, "PUT", path, { body: bytes.slice(from) });
  expect(statusOf(answer)).toBe(201);
}

async function isWhole({ digest }: Upload): Promise<void> {
  for (const node of nodes.all) {
    const answer = await call(node, "GET", `/v2/${repository}/blobs/${digest}`);
    expect(statusOf(answer)).toBe(200);
    expect(answer.kind === "answer" && digestOf(answer.body)).toBe(digest);
  }
}

function headerOf(answer: Outcome, name: string): string {
  return (answer.kind === "answer" && answer.headers.get(name)) || "";
}

function garbage(size: number): Uint8Array {
  return new Uint8Array(Math.floor(size)).fill(0xee);
}
