import { connect, createServer, type Socket } from "node:net";
import { listen } from "../support/listening.ts";

/** Stands before a registry, counts bytes, and breaks connections off or holds them still. */
export interface BreakingProxy {
  readonly port: number;
  /** Bytes of all requests and of all answers. */
  readonly received: number;
  readonly sent: number;
  /** At so many bytes received all connections break, once for each number. */
  breakAfter: number[];
  /** From so many more bytes received on nothing passes; resolves when it is so far. */
  holdAfter(bytes: number): Promise<void>;
  /** The same for bytes sent. */
  holdSentAfter(bytes: number): Promise<void>;
  /** Ends connections that are held, and holds no more. */
  release(): void;
  stop(): Promise<void>;
}

export async function startBreakingProxy(target: number): Promise<BreakingProxy> {
  let received = 0;
  let sent = 0;
  let hold: { what: "received" | "sent"; at: number; reached: () => void } | null = null;
  let held = false;
  const pairs = new Set<readonly [Socket, Socket]>();

  function breakAll(): void {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  }

  function check(what: "received" | "sent"): void {
    const count = what === "received" ? received : sent;
    if (hold?.what === what && count >= hold.at && !held) {
      held = true;
      hold.reached();
    }
    const [next] = proxy.breakAfter;
    if (what === "received" && next !== undefined && received >= next) {
      proxy.breakAfter.shift();
      breakAll();
    }
  }

  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        for (const other of pair) other.destroy();
        pairs.delete(pair);
      });
    }
    client.on("data", (chunk: Buffer) => {
      received += chunk.byteLength;
      check("received");
      if (!held && !upstream.write(chunk)) {
        client.pause();
        upstream.once("drain", () => client.resume());
      }
    });
    upstream.on("data", (chunk: Buffer) => {
      sent += chunk.byteLength;
      check("sent");
      if (!held && !client.write(chunk)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
    });
  });
  const listening = await listen(server);

  function holdAt(what: "received" | "sent", bytes: number): Promise<void> {
    const at = (what === "received" ? received : sent) + bytes;
    return new Promise((reached) => {
      hold = { what, at, reached };
    });
  }

  const proxy: BreakingProxy = {
    port: listening.port,
    get received() {
      return received;
    },
    get sent() {
      return sent;
    },
    breakAfter: [],
    holdAfter: (bytes) => holdAt("received", bytes),
    holdSentAfter: (bytes) => holdAt("sent", bytes),
    release() {
      hold = null;
      held = false;
      breakAll();
    },
    stop: () => listening.stop(),
  };
  return proxy;
}
