import type { Socket } from "bun";

/**
 * A keep-alive HTTP/1.1 connection that costs the two shared cores less than `fetch` does: no header
 * objects, no body unless asked for, one request at a time.
 */
export interface Connection {
  request(head: string, options?: RequestOptions): Promise<Reply>;
  /** Stops reading: the kernel's buffers fill up and the server sees a reader that stalls. */
  stall(): void;
  close(): void;
  /** False once it broke or was closed: no request gets through any more. */
  readonly isOpen: boolean;
}

export interface RequestOptions {
  /** Written in order, the next one when the socket has taken the one before. */
  body?: Iterable<Uint8Array>;
  keepBody?: boolean;
}

export interface Reply {
  status: number;
  /** The raw header block. */
  head: string;
  bodyBytes: number;
  body: Buffer;
}

interface Exchange {
  /** The request line. */
  what: string;
  isHead: boolean;
  keepBody: boolean;
  headText: string;
  status: number;
  /** Bytes of the body still to come; null until the header block is whole. */
  remaining: number | null;
  bodyBytes: number;
  chunks: Buffer[];
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

const idleSeconds = 120;

export async function connect(port: number): Promise<Connection> {
  let exchange: Exchange | null = null;
  let unsent: Uint8Array | null = null;
  let more: Iterator<Uint8Array> | null = null;
  let isOpen = true;

  const fail = (reason: string) => {
    isOpen = false;
    const failed = exchange;
    exchange = null;
    failed?.reject(new Error(`${failed.what} at port ${port}: ${reason}`));
  };
  const flush = (socket: Socket<undefined>) => {
    // The timer runs from here, whatever arrives: it has to be set again for each request.
    socket.timeout(idleSeconds);
    while (unsent !== null) {
      const written = socket.write(unsent);
      if (written < 0) return;
      if (written < unsent.byteLength) {
        unsent = unsent.subarray(written);
        return;
      }
      const next = more?.next();
      unsent = next === undefined || next.done === true ? null : next.value;
    }
  };
  const socket = await Bun.connect<undefined>({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, bytes) {
        if (exchange === null) return;
        const reply = receive(exchange, bytes);
        if (reply === null) return;
        const { resolve } = exchange;
        exchange = null;
        resolve(reply);
      },
      drain: flush,
      close: () => fail("closed before the answer"),
      end: () => fail("ended before the answer"),
      error: (_, error) => fail(error.message),
      timeout: () => fail(`no bytes for ${idleSeconds} s`),
    },
  });
  return {
    get isOpen() {
      return isOpen;
    },
    request(head, options = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<Reply>();
      const isHead = head.startsWith("HEAD ");
      const keepBody = options.keepBody ?? false;
      const fresh = { headText: "", status: 0, remaining: null, bodyBytes: 0, chunks: [] };
      const what = head.slice(0, head.indexOf("\r\n"));
      exchange = { ...fresh, what, isHead, keepBody, resolve, reject };
      more = options.body?.[Symbol.iterator]() ?? null;
      unsent = Buffer.from(head, "latin1");
      if (isOpen) flush(socket);
      else fail("is closed");
      return promise;
    },
    stall: () => {
      socket.timeout(0);
      socket.pause();
    },
    close: () => {
      exchange = null;
      isOpen = false;
      socket.terminate();
    },
  };
}

/** A request head with `Host`, ready to send. */
export function head(method: string, path: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines.join("")}\r\n`;
}

export function headerOf(reply: Reply, name: string): string | null {
  return new RegExp(`^${name}: *(.*?) *\\r$`, "im").exec(reply.head)?.[1] ?? null;
}

/** Takes bytes into the exchange; the reply when they complete it. */
function receive(exchange: Exchange, bytes: Buffer): Reply | null {
  let body = bytes;
  if (exchange.remaining === null) {
    const text = bytes.toString("latin1");
    const end = (exchange.headText + text).indexOf("\r\n\r\n");
    if (end < 0) {
      exchange.headText += text;
      return null;
    }
    const consumed = end + 4 - exchange.headText.length;
    exchange.headText = (exchange.headText + text).slice(0, end + 2);
    body = bytes.subarray(consumed);
    exchange.status = Number(exchange.headText.slice(9, 12));
    exchange.remaining = bodyLength(exchange);
  }
  exchange.bodyBytes += body.length;
  exchange.remaining -= body.length;
  if (exchange.keepBody && body.length > 0) exchange.chunks.push(Buffer.from(body));
  if (exchange.remaining > 0) return null;
  return {
    status: exchange.status,
    head: exchange.headText,
    bodyBytes: exchange.bodyBytes,
    body: exchange.chunks.length > 0 ? Buffer.concat(exchange.chunks) : Buffer.alloc(0),
  };
}

function bodyLength(exchange: Exchange): number {
  if (exchange.isHead || exchange.status === 204 || exchange.status === 304) return 0;
  const length = /^content-length: *(\d+)/im.exec(exchange.headText)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${exchange.headText}`);
  return Number(length);
}
