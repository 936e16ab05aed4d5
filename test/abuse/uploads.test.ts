import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../support/images.ts";
import { expectError, type OciClient } from "../support/oci-client.ts";
import { exchange, formatRequest, openSocket } from "../support/raw-socket.ts";
import { openDescriptors, type StoreWatch, settle } from "../support/store-state.ts";
import type { TestApp } from "../support/test-app.ts";
import {
  type AbuseCase,
  absentDigest,
  loose,
  looseDigest,
  repository,
  runAbuse,
  startWatched,
  stopWatched,
} from "./abuse.ts";

const uploads = `/v2/${repository}/blobs/uploads/`;
const content = "bytes of which the digest is known";
const digest = digestOf(content);
const digest512 = digestOf(content, "sha512");

const wrongDigests: readonly string[] = [
  absentDigest,
  digestOf("", "sha256"),
  digestOf("nobody has this", "sha512"),
  digest512.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
];

const malformed: readonly [string, string][] = [
  ["", ""],
  ["sha256:", "sha256:"],
  ["x", "x"],
  [`sha256:${"A".repeat(64)}`, "lowercase"],
  [`sha1:${"a".repeat(40)}`, "sha1:"],
  [`sha384:${"a".repeat(96)}`, "sha384:"],
  [`sha256:${"a".repeat(63)}`, "63"],
  ["sha256:..%2F..%2Fberth.db", "sha256:../../berth.db"],
  [`${digest}%00`, "65"],
  [`${digest}%20`, "65"],
  ["%ff", "digest"],
];

runAbuse("uploads whose digest is wrong", [
  ...wrongDigests.flatMap((wrong): AbuseCase[] => [
    {
      name: `PUT with the bytes, ${wrong.slice(0, 16)}`,
      method: "PUT",
      upload: "",
      uploadAfter: "gone",
      target: `{upload}?digest=${wrong}`,
      body: content,
      status: 400,
      code: "DIGEST_INVALID",
      names: [wrong, digestOf(content, wrong.startsWith("sha512") ? "sha512" : "sha256")],
    },
    {
      name: `PUT after the bytes, ${wrong.slice(0, 16)}`,
      method: "PUT",
      upload: content,
      uploadAfter: "gone",
      target: `{upload}?digest=${wrong}`,
      status: 400,
      code: "DIGEST_INVALID",
      names: [wrong, `${content.length} bytes`],
    },
    {
      name: `one POST, ${wrong.slice(0, 16)}`,
      method: "POST",
      target: `${uploads}?digest=${wrong}`,
      body: content,
      status: 400,
      code: "DIGEST_INVALID",
      names: [wrong],
    },
  ]),
  {
    name: "PUT of bytes that the digest leaves out",
    method: "PUT",
    upload: content,
    uploadAfter: "gone",
    target: `{upload}?digest=${digest}`,
    body: "more",
    status: 400,
    code: "DIGEST_INVALID",
    names: [digest, digestOf(`${content}more`)],
  },
  ...malformed.map(
    ([text, names]): AbuseCase => ({
      name: `PUT ?digest=${text.slice(0, 20)}`,
      method: "PUT",
      upload: content,
      target: `{upload}?digest=${text}`,
      status: 400,
      code: "DIGEST_INVALID",
      names,
    }),
  ),
  {
    name: "PUT without a digest",
    method: "PUT",
    upload: content,
    target: "{upload}",
    status: 400,
    code: "DIGEST_INVALID",
    names: "parameter digest",
  },
  {
    name: "one POST, whose Content-Range makes no sense",
    method: "POST",
    target: `${uploads}?digest=${digest}`,
    headers: { "content-range": "from here to there" },
    body: content,
    status: 400,
    code: "BLOB_UPLOAD_INVALID",
    names: "from here to there",
  },
  {
    name: "one POST, whose Content-Range begins later",
    method: "POST",
    target: `${uploads}?digest=${digest}`,
    headers: { "content-range": `5-${content.length + 4}` },
    body: content,
    status: 416,
    code: "BLOB_UPLOAD_INVALID",
    names: "byte 5",
  },
]);

const unknownIds = [
  "00000000-0000-0000-0000-000000000000",
  "019a0000-0000-7000-8000-000000000000",
  "x",
  "X",
  "a".repeat(1_000),
  "sha256:x",
  "berth.db",
  "-1",
  "'",
];

runAbuse("uploads that are not there", [
  ...unknownIds.flatMap((id): AbuseCase[] =>
    ["GET", "HEAD", "PATCH", "PUT", "DELETE"].map((method) => ({
      name: `${method} ${id.slice(0, 40)}`,
      method,
      target: `${uploads}${id}${method === "PUT" ? `?digest=${digest}` : ""}`,
      ...(method === "PATCH" || method === "PUT" ? { body: content } : {}),
      status: 404,
      code: "BLOB_UPLOAD_UNKNOWN",
      names: [id.slice(0, 200), repository],
    })),
  ),
  {
    name: "POST that names an upload",
    method: "POST",
    target: `${uploads}x`,
    status: 405,
    code: "UNSUPPORTED",
    names: "POST",
  },
]);

describe("uploads that belong to somebody else", () => {
  let app: TestApp;
  let client: OciClient;
  let watch: StoreWatch;

  beforeAll(async () => {
    ({ app, watch } = await startWatched((own) => {
      client = own;
      return client.pushBlob(repository, loose);
    }));
  });

  afterAll(() => stopWatched({ app, watch }));

  for (const method of ["GET", "HEAD", "PATCH", "PUT", "DELETE"]) {
    test(`CVE-2026-32589: ${method} of an upload's id under another repository is 404`, async () => {
      const location = await client.openUpload(repository);
      await client.fetch(location, { method: "PATCH", body: "01234" });
      const before = watch.state();
      for (const other of ["box/other", "box", "box/app/deeper", "another/app"]) {
        const elsewhere = location.replace(`/v2/${repository}/`, `/v2/${other}/`);
        const response = await client.fetch(`${elsewhere}?digest=${looseDigest}`, {
          method,
          ...(method === "PATCH" || method === "PUT" ? { body: "56789" } : {}),
        });
        if (method === "HEAD") expect(response.status).toBe(404);
        else {
          const { detail } = await expectError(response, 404, "BLOB_UPLOAD_UNKNOWN");
          expect(detail).toEqual({ repository: other, upload: location.split("/").at(-1) });
        }
      }
      expect(watch.state()).toEqual(before);
      const status = await client.fetch(location);
      expect([status.status, status.headers.get("range")]).toEqual([204, "0-4"]);
      await client.fetch(location, { method: "DELETE" });
    });
  }

  test("an upload that ended is gone: no chunk, no status, no second end", async () => {
    const finished = await client.openUpload(repository);
    const put = await client.fetch(`${finished}?digest=${digest}`, {
      method: "PUT",
      body: content,
    });
    expect(put.status).toBe(201);
    const cancelled = await client.openUpload(repository);
    expect(await client.status(cancelled, "DELETE")).toBe(204);
    const before = watch.state();
    for (const location of [finished, cancelled]) {
      for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
        const response = await client.fetch(`${location}?digest=${digest}`, {
          method,
          ...(method === "GET" ? {} : { body: content }),
        });
        await expectError(response, 404, "BLOB_UPLOAD_UNKNOWN");
      }
    }
    expect(watch.state()).toEqual(before);
  });

  test("two requests at once: the second is refused, the first goes on", async () => {
    const location = await client.openUpload(repository);
    const slow = await openSocket(app.port);
    const head = formatRequest({
      method: "PATCH",
      target: location,
      headers: { "content-length": "200000" },
    });
    slow.write(Buffer.concat([head, Buffer.alloc(100_000, "a")]));
    await Bun.sleep(100);
    for (const method of ["PATCH", "PUT", "DELETE"]) {
      const response = await client.fetch(`${location}?digest=${digest}`, {
        method,
        ...(method === "DELETE" ? {} : { body: content }),
      });
      const { detail } = await expectError(response, 409, "BLOB_UPLOAD_INVALID");
      expect(detail).toEqual({ upload: location.split("/").at(-1) });
    }
    slow.write(Buffer.alloc(100_000, "a"));
    await new Promise((resolve) => slow.once("data", resolve));
    slow.destroy();
    const status = await client.fetch(location);
    expect(status.headers.get("range")).toBe("0-199999");
    await client.fetch(location, { method: "DELETE" });
  });
});

describe("bodies that end before their length", () => {
  let app: TestApp;
  let watch: StoreWatch;

  beforeAll(async () => {
    ({ app, watch } = await startWatched((client) => client.pushBlob(repository, loose)));
  });

  afterAll(() => stopWatched({ app, watch }));

  const answer = async (method: string, target: string) =>
    (await exchange(app.port, formatRequest({ method, target }))).answers[0];
  const open = async () => (await answer("POST", uploads))?.headers.get("location") ?? "";

  /** Where the upload is, once the server has seen that its writer went away. */
  async function statusWhenFree(location: string) {
    let patched = await answer("PATCH", location);
    for (let waited = 0; waited < 10_000 && patched?.status === 409; waited += 10) {
      await Bun.sleep(10);
      patched = await answer("PATCH", location);
    }
    return patched;
  }

  /** Sends a part of the body, then goes away, as `leave` has it. */
  async function sendPart(
    method: string,
    target: string,
    options: { sent: number; length: string; leave: "reset" | "end" },
  ): Promise<void> {
    const chunked = options.length === "chunked";
    const fields = chunked
      ? { "transfer-encoding": "chunked" }
      : { "content-length": options.length };
    const body = Buffer.alloc(options.sent, "a");
    const framed = chunked
      ? Buffer.concat([Buffer.from(`${(options.sent + 1).toString(16)}\r\n`), body])
      : body;
    const socket = await openSocket(app.port);
    socket.resume();
    socket.write(Buffer.concat([formatRequest({ method, target, headers: fields }), framed]));
    await Bun.sleep(20);
    if (options.leave === "reset") socket.resetAndDestroy();
    else socket.end();
    await Bun.sleep(10);
    socket.destroy();
  }

  const lengths: readonly [number, string][] = [
    [0, "10"],
    [1, "10"],
    [9, "10"],
    [0, "100000"],
    [70_000, "100000"],
    [99_999, "100000"],
    [0, "10737418240"],
    [300_000, "10737418240"],
    [70_000, "9007199254740991"],
    [0, "chunked"],
    [5, "chunked"],
    [70_000, "chunked"],
  ];

  for (const leave of ["reset", "end"] as const) {
    for (const [sent, length] of lengths) {
      test(`${sent} bytes of ${length}, then ${leave}: the offset tells the truth`, async () => {
        const before = watch.state();
        const descriptors = openDescriptors();
        const location = await open();
        const options = { sent, length, leave };
        await sendPart("PATCH", location, options);
        const status = await statusWhenFree(location);
        expect(status?.status).toBe(202);
        const received = Number(status?.headers.get("range")?.split("-")[1]);
        expect(received).toBeLessThanOrEqual(Math.max(0, sent - 1));

        // Not one byte of it is part of what is pushed next from that offset on.
        const offset = received === 0 ? "" : "a".repeat(received + 1);
        if (received !== 0) {
          const rest = formatRequest({
            method: "PUT",
            target: `${location}?digest=${digestOf(`${offset}b`)}`,
            headers: { "content-range": `${offset.length}-${offset.length}` },
            body: "b",
          });
          // Ends the upload with a wrong digest where the bytes were not those that count.
          const mounted = (await exchange(app.port, rest)).answers[0];
          expect(mounted?.status).toBe(201);
          const gone = await answer("DELETE", `/v2/${repository}/blobs/${digestOf(`${offset}b`)}`);
          expect(gone?.status).toBe(202);
        } else {
          expect((await answer("DELETE", location))?.status).toBe(204);
          expect(await settle(() => watch.state(), before)).toEqual(before);
        }

        for (const [method, target] of [
          ["POST", `${uploads}?digest=${digest}`],
          ["PUT", `/v2/${repository}/manifests/half`],
        ] as const) {
          const middle = watch.state();
          await sendPart(method, target, options);
          expect(await settle(() => watch.state(), middle)).toEqual(middle);
        }
        expect(await settle(openDescriptors, descriptors)).toEqual(descriptors);
      });
    }
  }
});
