import { afterAll, beforeAll } from "bun:test";
import fc from "fast-check";
import { bytesOf } from "../faults/support/random.ts";
import { digestOf } from "../support/images.ts";
import type { Answer } from "./answer.ts";
import { fuzz } from "./fuzz.ts";
import { asHeader, nearlyOneOf, oddText } from "./values.ts";
import { openWorld, repository, type World } from "./world.ts";

// Uploads in pieces whose Content-Range is right but for a place or a few: the upload is always where the
// answers said, and a blob is the bytes that were taken.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.end());

/** All uploads are of the beginning of this, so that there are not too many blobs. */
const content = bytesOf(1, 600_000);

const range = fc.oneof(
  { arbitrary: fc.constantFrom("none", "right", "right", "with unit", "with size"), weight: 6 },
  {
    arbitrary: fc.record({
      first: fc.integer({ min: -3, max: 3 }),
      last: fc.integer({ min: -3, max: 3 }),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ at: fc.nat(30), text: oddText }), weight: 2 },
  {
    arbitrary: nearlyOneOf("0-0", "bytes 0-4/5", "bytes */5", "0-9007199254740993", "5-4").map(
      (text) => ({ text }),
    ),
    weight: 1,
  },
);
const step = fc.record({
  kind: fc.constantFrom("chunk", "chunk", "chunk", "ask", "finish", "finish wrongly", "cancel"),
  bytes: fc.constantFrom(0, 1, 2, 100, 1_000, 66_000),
  range,
  statesLength: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

fuzz({
  name: "uploads in pieces",
  values: fc.array(step, { minLength: 1, maxLength: 5 }),
  expects: ["finished", "refused", "canceled"],
  async run(steps) {
    const opened = await world.ask({ ...request("POST", `/v2/${repository}/blobs/uploads/`) });
    const upload: Upload = {
      location: opened.headers.get("location") ?? "",
      offset: 0,
      isOver: false,
    };
    let outcome = "left";
    for (const each of steps) {
      outcome = await take(upload, each);
      if (upload.isOver) break;
      await checkOffset(upload);
    }
    const ended = await world.ask({ ...request("DELETE", upload.location) });
    if (ended.status !== (upload.isOver ? 404 : 204))
      throw new Error(`ended with ${ended.status} ${ended.body}`);
    return outcome;
  },
});

interface Upload {
  readonly location: string;
  offset: number;
  isOver: boolean;
}

async function take(upload: Upload, each: Step): Promise<string> {
  switch (each.kind) {
    case "ask":
      return "asked";
    case "cancel":
      upload.isOver = true;
      return expectStatus(
        await world.ask({ ...request("DELETE", upload.location) }),
        204,
        "canceled",
      );
    case "chunk":
      return await sendChunk(upload, each);
    case "finish":
    case "finish wrongly":
      return await finish(upload, each);
  }
}

async function sendChunk(upload: Upload, each: Step): Promise<string> {
  const { header, body } = pieceOf(upload, each);
  const answer = await world.ask({
    ...request("PATCH", upload.location, header),
    body,
    statesLength: each.statesLength,
  });
  if (answer.status !== 202) return checkRefused(upload, header, answer);
  checkTaken(upload, header, body);
  upload.offset += body.byteLength;
  if (answer.headers.get("range") !== rangeOf(upload))
    throw new Error(`taken, and at ${answer.headers.get("range")}`);
  return "taken";
}

async function finish(upload: Upload, each: Step): Promise<string> {
  const { header, body } = pieceOf(upload, each);
  const end = upload.offset + body.byteLength;
  const digest =
    each.kind === "finish" ? digestOf(content.subarray(0, end)) : digestOf(`not ${end}`);
  const answer = await world.ask({
    ...request("PUT", `${upload.location}?digest=${digest}`, header),
    body,
    statesLength: each.statesLength,
  });
  if (answer.status === 201) {
    if (each.kind !== "finish") throw new Error("a blob of another digest");
    checkTaken(upload, header, body);
    upload.isOver = true;
    const read = await world.ask({ ...request("GET", `/v2/${repository}/blobs/${digest}`) });
    if (!Bun.deepEquals(read.bytes, new Uint8Array(content.subarray(0, end))))
      throw new Error("other bytes");
    return "finished";
  }
  upload.isOver = answer.body.includes('"code":"DIGEST_INVALID"');
  if (upload.isOver && each.kind === "finish")
    throw new Error(`the digest was right: ${answer.body}`);
  return upload.isOver ? "refused" : checkRefused(upload, header, answer);
}

/** The next bytes, and what their Content-Range says of them. */
function pieceOf(
  { offset }: Upload,
  { bytes, range: asked }: Step,
): { header: string | null; body: Uint8Array } {
  const body = content.subarray(offset, offset + bytes);
  const right = `${offset}-${offset + bytes - 1}`;
  if (asked === "none") return { header: null, body };
  if (asked === "right") return { header: right, body };
  if (asked === "with unit") return { header: `bytes ${right}/*`, body };
  if (asked === "with size") return { header: `bytes ${right}/${offset + bytes}`, body };
  if (typeof asked === "string") throw new Error(asked);
  if ("first" in asked)
    return { header: `${offset + asked.first}-${offset + bytes - 1 + asked.last}`, body };
  const { text } = asked;
  const at = "at" in asked ? asked.at : 0;
  return {
    header: asHeader("at" in asked ? right.slice(0, at) + text + right.slice(at) : text),
    body,
  };
}

/** Taken with a Content-Range that names other bytes than came, it would be another blob than its client thinks. */
function checkTaken({ offset }: Upload, header: string | null, body: Uint8Array): void {
  if (header === null) return;
  const [, first, last] = /^(?:bytes )?(\d+)-(\d+)(?:\/.*)?$/i.exec(header.trim()) ?? [];
  if (
    first !== undefined &&
    BigInt(first) === BigInt(offset) &&
    BigInt(last ?? 0) === BigInt(offset + body.byteLength - 1)
  )
    return;
  throw new Error(`${body.byteLength} bytes at ${offset} were taken as ${header}`);
}

/** Out of order is 416, with where to go on (distribution-spec §Pushing a blob in chunks). */
function checkRefused(
  upload: Upload,
  header: string | null,
  { status, headers, body }: Answer,
): string {
  if (header === null) throw new Error(`refused without a Content-Range: ${status} ${body}`);
  if (![400, 416].includes(status)) throw new Error(`refused with ${status} ${body}`);
  if (status === 416) {
    if (headers.get("range") !== rangeOf(upload))
      throw new Error(`416, and at ${headers.get("range")}`);
    if (headers.get("location") !== upload.location)
      throw new Error(`416, and ${headers.get("location")}`);
  }
  return "refused";
}

async function checkOffset(upload: Upload): Promise<void> {
  const { status, headers } = await world.ask({ ...request("GET", upload.location) });
  if (status === 204 && headers.get("range") === rangeOf(upload)) return;
  throw new Error(`at ${upload.offset}, and ${status} says ${headers.get("range")}`);
}

function rangeOf({ offset }: Upload): string {
  return `0-${Math.max(0, offset - 1)}`;
}

function expectStatus({ status, body }: Answer, wanted: number, outcome: string): string {
  if (status !== wanted) throw new Error(`${status} ${body}`);
  return outcome;
}

function request(method: string, path: string, range: string | null = null) {
  const headers = {
    authorization: world.admin,
    ...(range === null ? {} : { "content-range": range }),
  };
  return { method, path, headers };
}
