import { connect, createServer, type Socket } from "node:net";
import { type Listening, listen } from "./listening.ts";

/** `up`: from the client to the server. */
export type Way = "up" | "down";

/** What befalls connections, those that are open and those to come. */
type Fault =
  /** Nobody listens; what is open goes on. */
  | { readonly kind: "refuse" }
  /** Every piece, both ways. */
  | { readonly kind: "delay"; readonly ms: number }
  /**
   * Once `after` bytes more have gone that way on a connection: nothing follows them, while the connection
   * stays open (`stall`); both ends are reset (`cut`); that way is closed in good order (`half-close`). With
   * `way: "down"` and `after: 0` a cut loses the answer to a request that was carried out.
   */
  | { readonly kind: "stall" | "cut" | "half-close"; readonly way: Way; readonly after: number };

/** Stands before a server and passes bytes on, until told otherwise. */
export interface FaultProxy {
  readonly port: number;
  /** How many connections are open. */
  readonly open: number;
  /** Connections that came so far. */
  readonly accepted: number;
  /** How often a stall, a cut or a half-close took place. */
  readonly struck: number;
  /** Null: what was stalled goes on, and nothing befalls the rest. `times`: how often it may take place. */
  set(fault: Fault | null, times?: number): Promise<void>;
  /** Resets every connection. */
  cutAll(): void;
  stop(): Promise<void>;
}

interface Pair {
  readonly ends: readonly [Socket, Socket];
  /** Bytes that went each way since the fault was set. */
  readonly passed: Record<Way, number>;
  generation: number;
}

export async function startFaultProxy(target: number, port = 0): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let fault: Fault | null = null;
  let timesLeft = 0;
  let generation = 0;
  let changed = Promise.withResolvers<void>();
  let accepted = 0;
  let struck = 0;

  function accept(client: Socket): void {
    accepted++;
    const server = connect({ host: "127.0.0.1", port: target, allowHalfOpen: true, noDelay: true });
    const pair: Pair = { ends: [client, server], passed: { up: 0, down: 0 }, generation };
    pairs.add(pair);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.resetAndDestroy());
      one.on("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    carry(pair, client, server, "up");
    carry(pair, server, client, "down");
  }

  function carry(pair: Pair, from: Socket, to: Socket, way: Way): void {
    let isOver = false;
    from.on("data", async (piece: Buffer) => {
      if (isOver) return;
      from.pause();
      const rest = await strike(pair, way, piece, to);
      if (rest === null) isOver = true;
      else await write(to, rest);
      from.resume();
    });
    from.on("end", () => to.end());
  }

  /** Lets the fault befall a piece on its way. Returns what is still to be passed on; null at an end. */
  async function strike(pair: Pair, way: Way, piece: Buffer, to: Socket): Promise<Buffer | null> {
    let rest = piece;
    for (;;) {
      if (pair.generation !== generation) {
        pair.generation = generation;
        pair.passed.up = 0;
        pair.passed.down = 0;
      }
      if (fault?.kind === "delay") await Bun.sleep(fault.ms);
      const hit = fault !== null && "way" in fault && fault.way === way && timesLeft > 0;
      if (!hit || fault === null || !("way" in fault)) return rest;
      const before = Math.max(0, fault.after - pair.passed[way]);
      pair.passed[way] += rest.length;
      if (before >= rest.length) return rest;
      timesLeft--;
      struck++;
      if (before > 0) await write(to, rest.subarray(0, before));
      rest = rest.subarray(before);
      switch (fault.kind) {
        case "cut":
          cut(pair);
          return null;
        case "half-close":
          to.end();
          return null;
        case "stall":
          await Promise.race([changed.promise, closed(to)]);
          if (to.destroyed) return null;
      }
    }
  }

  let server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  let listening: Listening | null = await listen(server, port);
  const own = listening.port;
  return {
    port: own,
    get open() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    get struck() {
      return struck;
    },
    async set(next, times = Number.POSITIVE_INFINITY) {
      fault = next;
      timesLeft = times;
      generation++;
      changed.resolve();
      changed = Promise.withResolvers();
      if (next?.kind === "refuse") {
        // Only the listener goes: connections that are open stay.
        if (listening !== null) server.close();
        listening = null;
      } else if (listening === null) {
        server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
        listening = await listen(server, own);
      }
    },
    cutAll() {
      for (const pair of pairs) cut(pair);
    },
    async stop() {
      changed.resolve();
      for (const pair of pairs) cut(pair);
      await listening?.stop();
    },
  };
}

function cut({ ends }: Pair): void {
  for (const end of ends) end.resetAndDestroy();
}

async function write(to: Socket, bytes: Uint8Array): Promise<void> {
  if (to.write(bytes)) return;
  await Promise.race([new Promise<void>((resolve) => to.once("drain", resolve)), closed(to)]);
}

function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
