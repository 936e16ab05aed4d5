import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { RegistryError } from "../../src/oci/registry-error.ts";
import { bodyOf, receive, receiveWhole } from "../../src/registry/request-body.ts";

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** A body that brings `bytesPerSecond`, by the clock of the test. */
function slowBody(bytesPerSecond: number, length: number | null): Request {
  let timer: ReturnType<typeof setInterval>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => {
        if (bytesPerSecond > 0) controller.enqueue(new Uint8Array(bytesPerSecond));
      }, 1_000);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  const headers = length === null ? {} : { "content-length": String(length) };
  return new Request("http://localhost/", { method: "PUT", body, headers });
}

/** The same, with an end. */
function pacedBody(bytesPerSecond: number, length: number): Request {
  let left = length;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const timer = setInterval(() => {
        controller.enqueue(new Uint8Array(Math.min(bytesPerSecond, left)));
        left -= bytesPerSecond;
        if (left > 0) return;
        clearInterval(timer);
        controller.close();
      }, 1_000);
    },
  });
  const headers = { "content-length": String(length) };
  return new Request("http://localhost/", { method: "PUT", body, headers });
}

async function afterSeconds(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    jest.advanceTimersByTime(1_000);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

const taken = (request: Request) => receive(bodyOf(request), async () => {});
const whole = (request: Request) => receiveWhole(bodyOf(request), 1_000_000);

for (const [name, read, bytesPerSecond, length] of [
  ["silent", taken, 0, null],
  ["that says its length and is silent", taken, 0, 1_000_000],
  ["of 1,000 bytes a second", taken, 1_000, null],
  ["of 1,000 bytes a second that says its length", taken, 1_000, 1_000_000],
  ["of a manifest that is silent", whole, 0, 1_000],
  ["of a manifest without a length that is silent", whole, 0, null],
] as const) {
  test(`a body ${name} is refused with 408 after two minutes at most`, async () => {
    const end = read(slowBody(bytesPerSecond, length)).catch((error: unknown) => error);
    await afterSeconds(120);
    const error = await end;
    expect(error).toBeInstanceOf(RegistryError);
    const { status, code, detail, headers } = error as RegistryError;
    expect({ status, code, detail, headers }).toEqual({
      status: 408,
      code: "BLOB_UPLOAD_INVALID",
      detail: { bytesMin: 61_440, seconds: 60 },
      headers: { connection: "close" },
    });
  });
}

test("a body of 1,100 bytes a second goes on for as long as it takes", async () => {
  let ended = false;
  taken(slowBody(1_100, null)).catch(() => {
    ended = true;
  });
  await afterSeconds(600);
  expect(ended).toBe(false);
});

test("a manifest of 4 MB that comes at 40,000 bytes a second is taken, however long that is", async () => {
  let bytes = 0;
  receiveWhole(bodyOf(pacedBody(40_000, 4_000_000)), 4_194_304).then((whole) => {
    bytes = whole.byteLength;
  });
  await afterSeconds(99);
  expect(bytes).toBe(0);
  await afterSeconds(3);
  expect(bytes).toBe(4_000_000);
});

test("a disk that takes a minute for each piece is not laid to the client's charge", async () => {
  let pieces = 0;
  let ended: unknown = null;
  receive(bodyOf(slowBody(10_000, null)), async () => {
    pieces += 1;
    await new Promise((resolve) => setTimeout(resolve, 61_000));
  }).catch((error: unknown) => {
    ended = error;
  });
  await afterSeconds(620);
  expect(ended).toBeNull();
  expect(pieces).toBeGreaterThanOrEqual(10);
});
