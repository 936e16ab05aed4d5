import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { createS3Calls, type S3Calls } from "../../src/blobs/s3-calls.ts";
import { createS3Client } from "../../src/blobs/s3-client.ts";
import { systemClock } from "../../src/lib/clock.ts";

// Answers that begin and do not end.

let server: Server;
let calls: S3Calls;
let answers: string[];
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (/^[A-Z]+ \//.test(`${data}`)) socket.write(answers.shift() ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const location = { bucket: "b", prefix: "", region: "us-east-1", pathStyle: true };
  const client = createS3Client({
    location: { ...location, endpoint: `http://127.0.0.1:${port}` },
    ca: null,
    credentials: {
      current: async () => ({ accessKeyId: "a", secretAccessKey: "b" }),
      refresh: () => false,
    },
    clock: systemClock,
    firstWaitMs: 1,
    answerMsMax: 300,
  });
  calls = createS3Calls(client, { bucket: "b", prefix: "", encryption: null });
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const head = (length: number) =>
  `HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: ${length}\r\n\r\n`;
const body = { sizeBytes: 3, open: () => new Uint8Array([1, 2, 3]) };

test("a part counts as taken once S3 says so, also where the rest of its answer never comes", async () => {
  answers = [head(10)];
  expect(await calls.uploadPart("k", "u", 1, body)).toBe('"e"');
}, 5_000);

test("bytes that stop on the way are asked for again", async () => {
  answers = [`${head(5)}ab`, `${head(5)}abcde`];
  expect(Buffer.from((await calls.getWhole("k")) ?? []).toString()).toBe("abcde");
}, 5_000);
