import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** Which call of S3 a request is. */
export type S3Call =
  | "create"
  | "part"
  | "complete"
  | "abort"
  | "put"
  | "get"
  | "head"
  | "delete"
  | "list";

export type S3Fault =
  /** An error, and nothing is done. */
  | { readonly kind: "refuse"; readonly status: number; readonly code: string }
  /** The call is carried out, and answered with an error. */
  | { readonly kind: "done-but-refused"; readonly status: number; readonly code: string }
  /** The call is carried out, and its answer lost with the connection. */
  | { readonly kind: "done-but-lost" }
  /** 200 with an error in the body; nothing is done. */
  | { readonly kind: "error-in-200"; readonly code?: string }
  /** The same, and the call is carried out. */
  | { readonly kind: "done-but-error-in-200" }
  /** Carried out so much later. */
  | { readonly kind: "late"; readonly ms: number }
  /** Answered as if it had been carried out, and carried out so much later. For deletes. */
  | { readonly kind: "answered-before-done"; readonly ms: number }
  /** The answer breaks off after so many bytes of its body. */
  | { readonly kind: "cut-short"; readonly bytes: number }
  /** Neither carried out nor answered. */
  | { readonly kind: "never" };

export interface S3FaultProxy {
  readonly url: string;
  /** From now on a fault befalls these calls, each with this probability and at most so many times. */
  set(calls: readonly S3Call[], fault: S3Fault, limits?: { chance?: number; times?: number }): void;
  /** No faults any more. What was never answered is cut off. */
  clear(): void;
  /** How often a fault took place, since the start. */
  readonly struck: number;
  /** Calls that were passed on, since the start. */
  readonly passed: Readonly<Record<S3Call, number>>;
  /** Resolves when what was put off has been done. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

interface Rule {
  readonly calls: readonly S3Call[];
  readonly fault: S3Fault;
  readonly chance: number;
  timesLeft: number;
}

/** Headers that belong to a connection, or that `fetch` makes itself. */
const ownHeaders = new Set(["connection", "keep-alive", "content-length", "transfer-encoding"]);

/** Speaks HTTP for an S3 at `target`, and lets single calls fail. */
export async function startS3FaultProxy(
  target: string,
  random: () => number,
  onRequest: (call: S3Call, request: IncomingMessage) => void = () => {},
): Promise<S3FaultProxy> {
  const passed = { create: 0, part: 0, complete: 0, abort: 0, put: 0, get: 0, head: 0 };
  const counts: Record<S3Call, number> = { ...passed, delete: 0, list: 0 };
  const held = new Set<IncomingMessage>();
  const later = new Set<Promise<unknown>>();
  let rules: Rule[] = [];
  let struck = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request.method ?? "", request.url ?? "");
    onRequest(call, request);
    const body = await whole(request);
    const pass = () => {
      counts[call] += 1;
      return forward(target, request, body);
    };
    const rule = rules.find(({ calls, chance, timesLeft }) => {
      return calls.includes(call) && timesLeft > 0 && random() < chance;
    });
    if (rule === undefined) {
      await copy(await pass(), response);
      return;
    }
    rule.timesLeft -= 1;
    struck += 1;
    const { fault } = rule;
    switch (fault.kind) {
      case "refuse":
        refuse(response, fault.status, fault.code);
        return;
      case "done-but-refused":
        await (await pass()).arrayBuffer();
        refuse(response, fault.status, fault.code);
        return;
      case "done-but-lost":
        await (await pass()).arrayBuffer();
        request.socket.destroy();
        return;
      case "error-in-200":
        refuse(response, 200, fault.code ?? "InternalError");
        return;
      case "done-but-error-in-200":
        await (await pass()).arrayBuffer();
        refuse(response, 200, "InternalError");
        return;
      case "late":
        await Bun.sleep(fault.ms);
        await copy(await pass(), response);
        return;
      case "answered-before-done": {
        const done = Bun.sleep(fault.ms).then(pass);
        later.add(done);
        void done.finally(() => later.delete(done));
        response.writeHead(204).end();
        return;
      }
      case "cut-short":
        await copy(await pass(), response, fault.bytes);
        return;
      case "never":
        held.add(request);
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const clear = () => {
    rules = [];
    for (const request of held) request.socket.destroy();
    held.clear();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    set(calls, fault, { chance = 1, times = Number.POSITIVE_INFINITY } = {}) {
      rules.push({ calls, fault, chance, timesLeft: times });
    },
    clear,
    get struck() {
      return struck;
    },
    passed: counts,
    async settled() {
      await Promise.all(later);
    },
    async stop() {
      clear();
      server.closeAllConnections();
      server.close();
      await Promise.allSettled(later);
    },
  };
}

function callOf(method: string, url: string): S3Call {
  const { pathname, searchParams: query } = new URL(url, "http://s3");
  const isObject = pathname.split("/").filter((name) => name !== "").length > 1;
  if (query.has("uploadId")) {
    if (method === "PUT") return "part";
    return method === "POST" ? "complete" : "abort";
  }
  if (method === "POST") return query.has("uploads") ? "create" : "delete";
  if (method === "DELETE") return "delete";
  if (method === "PUT") return "put";
  if (!isObject) return "list";
  return method === "HEAD" ? "head" : "get";
}

async function whole(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces) as Buffer<ArrayBuffer>;
}

/** With the `Host` that was signed. */
async function forward(
  target: string,
  request: IncomingMessage,
  body: Buffer<ArrayBuffer>,
): Promise<Response> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === "string" && !ownHeaders.has(name)) headers.set(name, value);
  }
  return await fetch(`${target}${request.url}`, {
    method: request.method ?? "GET",
    headers,
    body: body.length > 0 ? body : null,
    redirect: "manual",
    decompress: false,
    keepalive: false,
  });
}

async function copy(
  answer: Response,
  response: ServerResponse,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const headers: Record<string, string> = {};
  for (const [name, value] of answer.headers) {
    if (name === "content-length" || !ownHeaders.has(name)) headers[name] = value;
  }
  response.writeHead(answer.status, headers);
  if (answer.body !== null) {
    let bytes = 0;
    for await (const piece of answer.body) {
      bytes += piece.byteLength;
      if (bytes > bytesMax) {
        response.socket?.destroy();
        return;
      }
      if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
    }
  }
  response.end();
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>made to fail</Message></Error>`;
  const length = `${Buffer.byteLength(body)}`;
  response.writeHead(status, { "content-type": "application/xml", "content-length": length });
  response.end(body);
}
