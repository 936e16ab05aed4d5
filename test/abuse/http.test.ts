import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../support/images.ts";
import { exchange, formatRequest, openSocket } from "../support/raw-socket.ts";
import { openDescriptors, type StoreWatch, settle } from "../support/store-state.ts";
import type { TestApp } from "../support/test-app.ts";
import {
  type AbuseCase,
  loose,
  looseDigest,
  repository,
  runAbuse,
  startWatched,
  stopWatched,
} from "./abuse.ts";

const host = "Host: localhost\r\nConnection: close\r\n";
const refused = (name: string, raw: string): AbuseCase => ({ name, raw, status: "parser" });
const get = (name: string, rest: string): AbuseCase => refused(name, `GET /v2/ ${rest}\r\n\r\n`);

/** A second request, hidden in what one reader takes for the body of the first. */
const hidden = `DELETE /v2/${repository}/manifests/v1 HTTP/1.1\r\n${host}\r\n`;

runAbuse("requests that are no HTTP", [
  refused("bytes of a TLS client", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
  refused("NUL bytes", "\0\0\0\0\r\n\r\n"),
  refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  refused("HTTP/0.9", "GET /v2/\r\n\r\n"),
  refused("no target", `GET HTTP/1.1\r\n${host}\r\n`),
  refused("a target without a slash", `GET v2/ HTTP/1.1\r\n${host}\r\n`),
  refused("the target *", `GET * HTTP/1.1\r\n${host}\r\n`),
  refused("two blanks", `GET  /v2/ HTTP/1.1\r\n${host}\r\n`),
  refused("a tab in the target", `GET /v2/a\tb HTTP/1.1\r\n${host}\r\n`),
  refused("a blank in the target", `GET /v2/a b HTTP/1.1\r\n${host}\r\n`),
  get("HTTP/9.9", `HTTP/9.9\r\n${host}`),
  get("no Host", "HTTP/1.1"),
  get("lines that end in LF alone", "HTTP/1.1\nHost: localhost\n\n"),
  get("a header without a colon", "HTTP/1.1\r\nHost: localhost\r\nnonsense"),
  get("a blank before the colon", "HTTP/1.1\r\nHost : localhost"),
  get("a folded header", "HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b"),
  get("NUL in a header", "HTTP/1.1\r\nHost: localhost\r\nX: a\0b"),
  get("CR in a header", "HTTP/1.1\r\nHost: localhost\r\nX: a\rb"),
  get("a header of 20,000 bytes", `HTTP/1.1\r\nHost: localhost\r\nX: ${"a".repeat(20_000)}`),
  get(
    "300 headers",
    `HTTP/1.1\r\nHost: localhost${Array.from({ length: 300 }, (_, i) => `\r\nX${i}: a`).join("")}`,
  ),
]);

const post = (fields: string, body: string) =>
  `POST /v2/${repository}/blobs/uploads/ HTTP/1.1\r\n${host}${fields}\r\n\r\n${body}`;

runAbuse("bodies whose end can be read in two ways", [
  refused(
    "CL.TE: a length and chunks",
    post("Content-Length: 4\r\nTransfer-Encoding: chunked", `0\r\n\r\n${hidden}`),
  ),
  refused(
    "TE.CL: chunks and a length",
    post("Transfer-Encoding: chunked\r\nContent-Length: 4", `5c\r\n${hidden}\r\n0\r\n\r\n`),
  ),
  ...[
    "xchunked",
    "chunked, identity",
    "gzip, chunked",
    "identity",
    "chunked, chunked",
    '"chunked"',
    "chunked\r\nTransfer-Encoding: chunked",
    "chunked\r\nTransfer-Encoding: identity",
    "\vchunked",
    "chunked;x=y",
  ].map((coding) =>
    refused(
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      post(`Transfer-Encoding: ${coding}`, `0\r\n\r\n${hidden}`),
    ),
  ),
  refused("a blank before its colon", post("Transfer-Encoding : chunked", `0\r\n\r\n${hidden}`)),
  ...[
    "-1",
    "+1",
    "0x5",
    "1, 1",
    "1,2",
    "",
    "5 5",
    "1.0",
    "1e1",
    "٥",
    "9223372036854775808",
    "18446744073709551617",
    "99999999999999999999999",
    "4\r\nContent-Length: 5",
    "5\r\nContent-Length: 4",
  ].map((length) =>
    refused(
      `Content-Length: ${JSON.stringify(length)}`,
      post(`Content-Length: ${length}`, "01234"),
    ),
  ),
]);

const badChunks: readonly [string, string][] = [
  ["a size that is no number", "zz\r\n01234\r\n0\r\n\r\n"],
  ["a negative size", "-1\r\n01234\r\n0\r\n\r\n"],
  ["a size with a sign", "+5\r\n01234\r\n0\r\n\r\n"],
  ["a size with 0x", "0x5\r\n01234\r\n0\r\n\r\n"],
  ["a size beyond 64 bits", "fffffffffffffffff\r\n01234"],
  ["a size of 2^64+5", "10000000000000005\r\n01234\r\n0\r\n\r\n"],
  ["no size", "\r\n01234\r\n0\r\n\r\n"],
  ["lines that end in LF alone", "5\n01234\n0\n\n"],
  ["more bytes than its size", "5\r\n0123456\r\n0\r\n\r\n"],
  ["no line break behind the bytes", "5\r\n012340\r\n\r\n"],
];

describe("chunks that are framed wrongly", () => {
  let app: TestApp;
  let watch: StoreWatch;

  beforeAll(async () => {
    ({ app, watch } = await startWatched(async () => {}));
  });

  afterAll(() => stopWatched({ app, watch }));

  for (const [name, body] of badChunks) {
    for (const method of ["PATCH", "PUT"]) {
      test(`${method} with ${name}: refused, and never a blob`, async () => {
        const before = watch.state();
        const descriptors = openDescriptors();
        const opened = formatRequest({
          method: "POST",
          target: `/v2/${repository}/blobs/uploads/`,
        });
        const [answer] = (await exchange(app.port, opened)).answers;
        const location = answer?.headers.get("location") ?? "";
        const target = method === "PUT" ? `${location}?digest=${digestOf("01234")}` : location;
        const bad = formatRequest({
          method,
          target,
          headers: { "transfer-encoding": "chunked" },
          body: body + hidden,
        });
        const { answers } = await exchange(app.port, bad, { answers: 2, waitMs: 1_000 });
        for (const { status } of answers) expect(status >= 400 && status < 500).toBe(true);
        // The upload is where it was, whatever became of the connection.
        const ask = formatRequest({ method: "GET", target: location });
        const offsetNow = async () =>
          (await exchange(app.port, ask)).answers[0]?.headers.get("range");
        expect(["0-0", "0-4"]).toContain((await offsetNow()) ?? "");
        await exchange(app.port, formatRequest({ method: "DELETE", target: location }));
        expect(await settle(() => watch.state(), before)).toEqual(before);
        expect(await settle(openDescriptors, descriptors)).toEqual(descriptors);
      });
    }
  }
});

runAbuse("hosts that no client on this machine would name", [
  ...["evil.example", "evil.example:5000", "localhost.evil.example", "127.0.0.1.evil.example"].map(
    (name): AbuseCase => ({
      name,
      target: "/v2/",
      headers: { host: name },
      status: 421,
      code: "DENIED",
      names: name,
    }),
  ),
  ...[
    "localhost@evil.example",
    "localhost/x",
    "10.0.0.1",
    "[::2]:5000",
    "[::1",
    "0.0.0.0",
    "a b",
  ].map(
    (name): AbuseCase => ({
      name,
      target: `/v2/${repository}/manifests/v1`,
      method: "DELETE",
      headers: { host: name },
      status: 421,
      code: "DENIED",
      names: name,
    }),
  ),
  {
    name: "two of them",
    raw: `GET /v2/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n`,
    status: "parser",
  },
  ...["localhost", "LOCALHOST:80", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"].map(
    (name): AbuseCase => ({ name, target: "/v2/", headers: { host: name }, status: 200 }),
  ),
]);

describe("clients that are slow, or never read", () => {
  let app: TestApp;
  let watch: StoreWatch;
  const large = Buffer.alloc(32 * 1024 * 1024, "berth");

  beforeAll(async () => {
    ({ app, watch } = await startWatched(async (client) => {
      await client.pushBlob(repository, loose);
      await client.pushBlob(repository, large);
    }));
  });

  afterAll(() => stopWatched({ app, watch }));

  async function answersMeanwhile(): Promise<void> {
    for (let round = 0; round < 10; round++) {
      const request = formatRequest({
        method: "GET",
        target: `/v2/${repository}/blobs/${looseDigest}`,
      });
      const { answers } = await exchange(app.port, request);
      expect(answers[0]?.body).toBe(loose);
    }
  }

  const stalls: readonly [string, () => Buffer][] = [
    ["a request line that does not end", () => Buffer.from("GET /v2/")],
    ["headers that do not end", () => Buffer.from("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-")],
    [
      "a manifest that does not come",
      () =>
        formatRequest({
          method: "PUT",
          target: `/v2/${repository}/manifests/slow`,
          headers: { "content-length": "1000" },
        }),
    ],
    [
      "a blob that stops in the middle",
      () =>
        Buffer.concat([
          formatRequest({
            method: "POST",
            target: `/v2/${repository}/blobs/uploads/?digest=${looseDigest}`,
            headers: { "content-length": "1000000" },
          }),
          Buffer.alloc(100_000),
        ]),
    ],
    [
      "a blob that nobody reads",
      () => formatRequest({ method: "GET", target: `/v2/${repository}/blobs/${digestOf(large)}` }),
    ],
    [
      "a hundred pipelined pulls that nobody reads",
      () =>
        Buffer.from(
          `GET /v2/${repository}/blobs/${digestOf(large)} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(
            100,
          ),
        ),
    ],
  ];

  for (const [name, bytes] of stalls) {
    test(`fifty clients with ${name}: others are served, and nothing stays`, async () => {
      const before = watch.state();
      const descriptors = openDescriptors();
      Bun.gc(true);
      const memory = process.memoryUsage().rss;
      const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket(app.port)));
      for (const socket of sockets) {
        socket.on("error", () => {});
        socket.pause();
        socket.write(bytes());
      }
      await Bun.sleep(100);
      await answersMeanwhile();
      expect(process.memoryUsage().rss - memory).toBeLessThan(200 * 1024 * 1024);
      for (const socket of sockets) socket.destroy();
      expect(await settle(openDescriptors, descriptors)).toEqual(descriptors);
      expect(await settle(() => watch.state(), before)).toEqual(before);
    });
  }
});
