import { RegistryError } from "../oci/registry-error.ts";

/** A body that brings less than this in `windowSeconds` is taken for stalled: 1 KiB/s over a minute. */
const windowSeconds = 60;
const windowBytesMin = 60 * 1024;
/** Bodies up to this size are taken in one piece. */
const wholeBytesMax = 64 * 1024;
/** Memory for larger ones that are taken whole, all clients together. */
const heldBytesMax = 64 * 1024 * 1024;
const heldRetrySeconds = 5;
let heldBytes = 0;

/** The body of a request. `lengthBytes` is null when the client does not state it. */
export interface RequestBody {
  readonly lengthBytes: number | null;
  readonly request: Request;
}

export function bodyOf(request: Request): RequestBody {
  const header = request.headers.get("content-length");
  const length = header === null ? null : Number(header);
  if (length === null && request.body === null) return { lengthBytes: 0, request };
  return { lengthBytes: length, request };
}

/**
 * Hands the body to `take`, piece by piece, waiting for each. A client that goes away or stalls
 * rejects with an error; what was taken until then stays taken.
 */
export async function receive(
  body: RequestBody,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  if (body.lengthBytes === 0) return;
  if (body.lengthBytes !== null && body.lengthBytes <= wholeBytesMax) {
    await take(await receiveWhole(body, wholeBytesMax));
    return;
  }
  const stream = body.request.body;
  if (stream === null) return;
  const reader = stream.getReader();
  let inWindow = 0;
  let secondsWaited = 0;
  let reading = false;
  let stalled = false;
  const watchdog = setInterval(() => {
    // Only what is spent waiting for the client counts: a slow disk is no fault of it.
    if (!reading) return;
    secondsWaited += 1;
    if (secondsWaited < windowSeconds) return;
    if (inWindow < windowBytesMin) {
      stalled = true;
      reader.cancel().catch(() => {});
    }
    inWindow = 0;
    secondsWaited = 0;
  }, 1_000);
  try {
    for (;;) {
      reading = true;
      const { done, value } = await readOrAbort(reader);
      reading = false;
      if (stalled) throw stalledBody();
      if (done || value === undefined) return;
      inWindow += value.byteLength;
      await take(value);
    }
  } finally {
    clearInterval(watchdog);
    reader.releaseLock();
  }
}

/** Of a body that was refused so much is still received, if no piece of it takes longer. */
const restBytesMax = 1024 * 1024 * 1024;
const restWaitSeconds = 2;

/**
 * Receives the rest of a body that was refused, where the connection ends with the answer: it would take the
 * answer along, and a proxy that still sends would tell of a bad gateway. Null where there is nothing to wait
 * for. On connections that stay, Bun does the same behind the answer.
 */
export function discardRest({ headers, body }: Request): Promise<void> | null {
  if (body === null || body.locked || headers.get("connection")?.toLowerCase() !== "close")
    return null;
  if (Number(headers.get("content-length") ?? 0) > restBytesMax) return null;
  // Such a client sends nothing before it has an answer (RFC 9110 §10.1.1).
  return headers.has("expect") ? null : discard(body.getReader());
}

async function discard(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel" | "releaseLock">,
): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), restWaitSeconds * 1_000);
  try {
    for (let total = 0; total < restBytesMax; timer.refresh()) {
      const { done, value } = await reader.read();
      if (done) return;
      total += value.byteLength;
    }
  } catch {
    // Whoever sent it went away.
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

async function readOrAbort(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">,
): Promise<{ done: boolean; value?: Uint8Array | undefined }> {
  try {
    return await reader.read();
  } catch (error) {
    throw aborted(error);
  }
}

/**
 * The whole body, refused with 413 beyond `bytesMax`, and with 429 while the bodies that are being
 * received take all the memory there is for them.
 */
export async function receiveWhole(
  body: RequestBody,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { lengthBytes } = body;
  if (lengthBytes === 0) return new Uint8Array(0);
  if (lengthBytes !== null && lengthBytes > bytesMax) throw tooLarge(lengthBytes, bytesMax);
  if (lengthBytes === null) return await receiveUnstated(body, bytesMax);
  if (lengthBytes <= wholeBytesMax) return await receiveSmall(body);
  hold(lengthBytes);
  try {
    return await receiveStated(body, lengthBytes);
  } finally {
    heldBytes -= lengthBytes;
  }
}

async function receiveSmall({ request }: RequestBody): Promise<Uint8Array<ArrayBuffer>> {
  let timer: Timer | undefined;
  const stall = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(stalledBody()), windowSeconds * 1_000);
  });
  const arrives = request.bytes().catch((error: unknown) => {
    throw aborted(error);
  });
  try {
    return (await Promise.race([arrives, stall])) as Uint8Array<ArrayBuffer>;
  } finally {
    clearTimeout(timer);
  }
}

async function receiveStated(
  body: RequestBody,
  lengthBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(lengthBytes);
  let total = 0;
  await receive(body, async (chunk) => {
    if (total + chunk.byteLength > lengthBytes)
      throw tooLarge(total + chunk.byteLength, lengthBytes);
    bytes.set(chunk, total);
    total += chunk.byteLength;
  });
  if (total < lengthBytes) throw aborted(undefined);
  return bytes;
}

async function receiveUnstated(
  body: RequestBody,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  let held = 0;
  try {
    await receive(body, async (chunk) => {
      total += chunk.byteLength;
      if (total > bytesMax) throw tooLarge(total, bytesMax);
      if (total > wholeBytesMax && held === 0) {
        hold(bytesMax);
        held = bytesMax;
      }
      chunks.push(chunk.slice());
    });
    return new Uint8Array(Buffer.concat(chunks));
  } finally {
    heldBytes -= held;
  }
}

/** Small bodies are not counted: they get through beside large ones that nobody ends. */
function hold(bytes: number): void {
  if (heldBytes + bytes > heldBytesMax) {
    throw new RegistryError("TOOMANYREQUESTS", {
      message: `bodies of ${heldBytes} bytes are being received, at most ${heldBytesMax} are at once: try again`,
      detail: { bytes, held: heldBytes, max: heldBytesMax },
      headers: { "retry-after": `${heldRetrySeconds}` },
    });
  }
  heldBytes += bytes;
}

function tooLarge(bytes: number, bytesMax: number): RegistryError {
  return new RegistryError("MANIFEST_INVALID", {
    status: 413,
    message: `the manifest has ${bytes} bytes or more, at most ${bytesMax} are accepted`,
    detail: { bytes, max: bytesMax },
  });
}

function stalledBody(): RegistryError {
  return new RegistryError("BLOB_UPLOAD_INVALID", {
    status: 408,
    message: `the body brought less than ${windowBytesMin} bytes in ${windowSeconds} s`,
    detail: { bytesMin: windowBytesMin, seconds: windowSeconds },
    headers: { connection: "close" },
  });
}

/** The client went away; nobody is there to read the answer, but the log tells. */
function aborted(cause: unknown): RegistryError {
  return new RegistryError("BLOB_UPLOAD_INVALID", {
    message: "the request's body ended before its stated length",
    cause,
  });
}
