import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { makeImage } from "../support/images.ts";
import { createOciClient, expectError } from "../support/oci-client.ts";
import { exchange, formatRequest, openSocket } from "../support/raw-socket.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});

afterAll(() => app.remove());

const manifestBytes = 4 * 1024 * 1024;
/** Bodies of that size for which there is room at once. */
const admitted = 16;

/** A manifest whose last byte does not come, and the status it is answered with until it is closed. */
async function stall(fields: Record<string, string>): Promise<{ socket: Socket; said: string[] }> {
  const socket = await openSocket(app.port);
  const said: string[] = [];
  socket.on("error", () => {});
  socket.on("data", (data: Buffer) => said.push(data.toString("latin1")));
  const target = "/v2/team/app/manifests/stalled";
  socket.write(formatRequest({ method: "PUT", target, headers: fields }));
  return { socket, said };
}

for (const [name, fields, first] of [
  ["that state their length", { "content-length": `${manifestBytes}` }, Buffer.alloc(100_000)],
  [
    "in chunks",
    { "transfer-encoding": "chunked" },
    Buffer.from(`186a0\r\n${"a".repeat(100_000)}\r\n`),
  ],
] as const) {
  test(`stalled manifests ${name}: beyond the memory for them 429, small ones get through`, async () => {
    const client = createOciClient(app.fetch);
    const stalled = await Promise.all(Array.from({ length: 40 }, () => stall(fields)));
    for (const { socket } of stalled) socket.write(first);
    const refusals = () => stalled.map(({ said }) => said.join("")).filter((text) => text !== "");
    for (let waited = 0; waited < 5_000 && refusals().length < 40 - admitted; waited += 50) {
      await Bun.sleep(50);
    }
    expect(refusals()).toHaveLength(40 - admitted);
    for (const refusal of refusals()) {
      expect(refusal).toStartWith("HTTP/1.1 429 ");
      expect(refusal.toLowerCase()).toContain("\r\nretry-after: 5\r\n");
    }
    await client.pushImage("team/app", makeImage(`beside manifests ${name}`), "small");
    const large = JSON.stringify({ padding: "a".repeat(100_000) });
    const put = () =>
      app.fetch("/v2/team/app/manifests/large", {
        method: "PUT",
        headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
        body: large,
      });
    await expectError(await put(), 429, "TOOMANYREQUESTS");

    for (const { socket } of stalled) socket.destroy();
    let status = 429;
    for (let waited = 0; waited < 5_000 && status === 429; waited += 50) {
      await Bun.sleep(50);
      const response = await put();
      await response.arrayBuffer();
      status = response.status;
    }
    expect(status).toBe(400);
  });
}

test("150 manifests of 4 MiB without their last byte: what they take is bounded", async () => {
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  const body = Buffer.alloc(manifestBytes - 1);
  const sockets: Socket[] = [];
  for (let n = 0; n < 150; n++) {
    const { socket } = await stall({ "content-length": `${manifestBytes}` });
    sockets.push(socket);
    await new Promise((resolve) => {
      socket.write(body, resolve);
      socket.once("close", resolve);
      setTimeout(resolve, 1_000);
    });
  }
  const { answers } = await exchange(app.port, formatRequest({ method: "GET", target: "/v2/" }));
  expect(answers[0]?.status).toBe(200);
  const grown = process.memoryUsage().rss - before;
  for (const socket of sockets) socket.destroy();
  expect(grown).toBeLessThan(200 * 1024 * 1024);
});
