import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { exchange, type RawAnswer } from "../support/raw-socket.ts";
import { openDescriptors, settle } from "../support/store-state.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { faultOf } from "./answer.ts";
import { fuzz } from "./fuzz.ts";
import { nearly, nearlyOneOf, oddText, sometimes } from "./values.ts";

// Bytes on a connection that are HTTP but for a place or a few: whatever a client library would have made
// right. Each is answered, or the connection is closed, and the server goes on.

const image = makeImage("sockets");
const manifest = "/v2/box/app/manifests/v1";
let app: TestApp;
let before: Record<string, number>;

beforeAll(async () => {
  app = await startTestApp();
  const client = createOciClient((path, init) => app.fetch(path, { ...init, keepalive: false }));
  const descriptors = openDescriptors();
  await client.pushImage("box/app", image, "v1");
  before = await settle(openDescriptors, descriptors);
});
afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

const targets = nearlyOneOf(
  ...[
    "/v2/",
    manifest,
    "/v2/box/app/blobs/uploads/",
    "/v2/box/../box/app/manifests/v1",
    "/livez",
    "*",
    "/",
  ],
  ...[
    "http://localhost/v2/",
    "localhost:80",
    "/v2/%62ox/app/manifests/v1",
    "/v2/box/app/tags/list?n=1#x",
  ],
);
/** The first one, nearly always: of several mistakes at once only one is met. */
function mostly(text: string, ...others: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: fc.constant(text), weight: 20 },
    { arbitrary: fc.oneof(fc.constantFrom(text, ...others), oddText), weight: 1 },
  );
}

const header = fc
  .tuple(
    nearly(
      fc.constantFrom(
        ...[
          "Host",
          "Content-Length",
          "Transfer-Encoding",
          "Connection",
          "Expect",
          "Content-Type",
          "Range",
          "Upgrade",
        ],
        ...[
          "Accept",
          "Authorization",
          "TE",
          "Trailer",
          "Content-Range",
          "X-Forwarded-For",
          "Cookie",
          "Date",
        ],
      ),
    ),
    nearlyOneOf(
      ...[
        "localhost",
        "5",
        "0",
        "chunked",
        "close",
        "keep-alive",
        "100-continue",
        "bytes=0-1",
        "h2c, websocket",
      ],
      ...["gzip, chunked", "-1", "5, 5", "0x5", "trailers", "text/plain"],
    ),
    mostly(": ", ":", " : ", "", ":\t"),
    mostly("\r\n", "\n", "\r", "\r\n "),
  )
  .map(([name, value, colon, end]) => `${name}${colon}${value}${end}`);

const body = fc.oneof(
  fc.constantFrom(
    "",
    "01234",
    "5\r\n01234\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "5;x=y\r\n01234\r\n0\r\nA: b\r\n\r\n",
    "zz\r\n",
  ),
  fc.constantFrom(
    `5\r\n01234\r\n0\r\n\r\nGET ${manifest} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    "ffffffffffffffff\r\n",
  ),
  oddText,
);

const requests = fc
  .record({
    method: fc.constantFrom("GET", "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"),
    otherMethod: mostly("", "CONNECT", "TRACE", "PRI", "get", "G"),
    target: targets,
    version: mostly("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 "),
    headers: fc.array(header, { maxLength: 4 }),
    body,
    cut: sometimes(fc.nat(200)),
  })
  .map(({ method, otherMethod, target, version, headers, body: content, cut }) => {
    const text = `${otherMethod || method} ${target} ${version}\r\nHost: localhost\r\n${headers.join("")}\r\n${content}`;
    return cut === null ? text : text.slice(0, cut);
  });

/** What a server that was left with half of a request may wait for. */
const waitMs = 40;

fuzz({
  name: "requests on sockets",
  values: fc.array(requests, { minLength: 1, maxLength: 2 }),
  expects: ["200", "400", "404", "closed"],
  // Those that do not end are waited for.
  share: 0.2,
  async run(texts) {
    const bytes = Buffer.from(texts.join(""), "latin1");
    const { answers, closedByServer } = await exchange(app.port, bytes, {
      answers: texts.length,
      waitMs,
    });
    for (const answer of answers) checkAnswer(answer);
    const [first] = answers;
    if (first === undefined) return closedByServer ? "closed" : "waits";
    return `${first.status}`;
  },
});

function checkAnswer({ status, headers, body: text }: RawAnswer): void {
  // 505 is what the parser says of a version that it does not know.
  if (status === 505) return;
  const bytes = Buffer.from(text);
  const isEmpty = text === "";
  const fault =
    isEmpty && status < 500
      ? null
      : faultOf(
          { method: "GET", path: "/v2/" },
          { status, headers: new Headers([...headers]), bytes, body: text },
        );
  if (fault !== null) throw new Error(fault);
}

test("afterwards it serves, and holds no connection", async () => {
  const client = createOciClient((path, init) => app.fetch(path, { ...init, keepalive: false }));
  // Anybody may have deleted it.
  await client.pushImage("box/app", image, "v1");
  expect(await client.json(manifest)).toEqual(JSON.parse(image.manifest));
  expect(await settle(openDescriptors, before)).toEqual(before);
});
