import { RegistryError } from "../oci/registry-error.ts";

/** A body that brings less than this in `windowMs` is taken for stalled: 1 KiB/s over a minute. */
const windowMs = 60_000;
const windowBytesMin = 60 * 1024;
/** Bodies up to this size are taken in one piece. */
const wholeBytesMax = 64 * 1024;

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
  let stalled = false;
  const watchdog = setInterval(() => {
    if (inWindow < windowBytesMin) {
      stalled = true;
      reader.cancel().catch(() => {});
    }
    inWindow = 0;
  }, windowMs);
  try {
    for (;;) {
      const { done, value } = await readOrAbort(reader);
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

async function readOrAbort(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">,
): Promise<{ done: boolean; value?: Uint8Array | undefined }> {
  try {
    return await reader.read();
  } catch (error) {
    throw aborted(error);
  }
}

/** The whole body, refused with 413 beyond `bytesMax`. */
export async function receiveWhole(
  body: RequestBody,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { lengthBytes, request } = body;
  if (lengthBytes === 0) return new Uint8Array(0);
  if (lengthBytes !== null && lengthBytes > bytesMax) throw tooLarge(lengthBytes, bytesMax);
  if (lengthBytes !== null) {
    let timer: Timer | undefined;
    const stall = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(stalledBody()), windowMs);
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
  const chunks: Uint8Array[] = [];
  let total = 0;
  await receive(body, async (chunk) => {
    total += chunk.byteLength;
    if (total > bytesMax) throw tooLarge(total, bytesMax);
    chunks.push(chunk.slice());
  });
  return new Uint8Array(Buffer.concat(chunks));
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
    message: `the body brought less than ${windowBytesMin} bytes in ${windowMs / 1000} s`,
    detail: { bytesMin: windowBytesMin, seconds: windowMs / 1000 },
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
