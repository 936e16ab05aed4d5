import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { startBalancer } from "../support/balancer.ts";
import { type Listening, listen } from "../support/listening.ts";
import { type FaultProxy, startFaultProxy } from "../support/tcp-fault-proxy.ts";

/** Answers each piece with its name and the piece. */
async function startEcho(name: string, port = 0): Promise<Listening> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (piece) => socket.write(`${name}:${piece}`));
    socket.on("end", () => socket.end("bye"));
  });
  return await listen(server, port);
}

interface Wire {
  readonly socket: Socket;
  /** Sends, and resolves with what came back: `closed` or `ended` when the other side had enough. */
  ask(text: string, patienceMs?: number): Promise<string>;
}

const quiet = "nothing";

async function open(port: number): Promise<Wire> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  return {
    socket,
    ask(text, patienceMs = 5_000) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(quiet), patienceMs);
        const answer = (said: string) => {
          clearTimeout(timer);
          resolve(said);
        };
        socket.once("data", (piece) => answer(String(piece)));
        socket.once("end", () => answer("ended"));
        socket.once("close", () => answer("closed"));
        if (text !== "") socket.write(text);
      });
    },
  };
}

describe("the balancer", () => {
  test("gives connections to the nodes in turn, and skips one that refuses", async () => {
    const nodes = await Promise.all(["a", "b", "c"].map((name) => startEcho(name)));
    const balancer = await startBalancer(nodes.map(({ port }) => port));
    try {
      const ask = async () => (await open(balancer.port)).ask("x");
      expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
        "a:x",
        "b:x",
        "c:x",
        "a:x",
      ]);
      await nodes[1]?.stop();
      expect([await ask(), await ask(), await ask()]).toEqual(["c:x", "c:x", "a:x"]);
      expect(balancer.given).toEqual([3, 1, 3]);
      await nodes[0]?.stop();
      await nodes[2]?.stop();
      expect(await ask()).toMatch(/closed|ended/);
    } finally {
      await balancer.stop();
      for (const node of nodes) await node.stop();
    }
  });
});

describe("the fault proxy", () => {
  let echo: Listening;
  let proxy: FaultProxy;
  beforeEach(async () => {
    echo = await startEcho("e");
    proxy = await startFaultProxy(echo.port);
  });
  afterEach(async () => {
    await proxy.stop();
    await echo.stop();
  });

  test("passes bytes both ways, and each end on its own", async () => {
    const wire = await open(proxy.port);
    expect(await wire.ask("one")).toBe("e:one");
    wire.socket.end();
    expect(await wire.ask("")).toBe("bye");
    expect([proxy.accepted, proxy.struck]).toEqual([1, 0]);
  });

  test("passes more than buffers hold", async () => {
    const wire = await open(proxy.port);
    const sent = "x".repeat(5_000_000);
    let got = 0;
    const all = new Promise<void>((resolve) => {
      wire.socket.on("data", (piece) => {
        got += piece.length;
        if (got > sent.length) resolve();
      });
    });
    wire.socket.write(sent);
    await all;
  });

  test("refuses, and listens again", async () => {
    const wire = await open(proxy.port);
    await proxy.set({ kind: "refuse" });
    expect(open(proxy.port)).rejects.toThrow();
    expect(await wire.ask("still")).toBe("e:still");
    await proxy.set(null);
    expect(await (await open(proxy.port)).ask("again")).toBe("e:again");
  });

  test("delays", async () => {
    const wire = await open(proxy.port);
    await proxy.set({ kind: "delay", ms: 60 });
    const begun = performance.now();
    expect(await wire.ask("late")).toBe("e:late");
    expect(performance.now() - begun).toBeGreaterThan(115);
  });

  test("stalls, and what waited goes on", async () => {
    const wire = await open(proxy.port);
    await proxy.set({ kind: "stall", way: "down", after: 4 });
    expect(await wire.ask("one", 200)).toBe("e:on");
    expect(await wire.ask("two", 200)).toBe(quiet);
    await proxy.set(null);
    expect(await wire.ask("", 2_000)).toMatch(/^e(e:two)?/);
  });

  test("loses an answer to what was carried out, once", async () => {
    const heard: string[] = [];
    for (const socket of echo.open) socket.destroy();
    await echo.stop();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (piece) => {
        heard.push(String(piece));
        socket.write("done");
      });
    });
    echo = await listen(server, echo.port);
    await proxy.set({ kind: "cut", way: "down", after: 0 }, 1);
    expect(await (await open(proxy.port)).ask("first")).toMatch(/closed|ended/);
    expect(await (await open(proxy.port)).ask("second")).toBe("done");
    expect(heard).toEqual(["first", "second"]);
    expect(proxy.struck).toBe(1);
  });

  test("cuts in the middle of a request", async () => {
    const wire = await open(proxy.port);
    await proxy.set({ kind: "cut", way: "up", after: 2 });
    expect(await wire.ask("whole")).toMatch(/closed|ended|e:wh/);
    expect(await (await open(proxy.port)).ask("w", 200)).toBe("e:w");
  });

  test("closes one way in good order", async () => {
    const wire = await open(proxy.port);
    await proxy.set({ kind: "half-close", way: "up", after: 3 });
    expect(await wire.ask("123456")).toMatch(/^e:123/);
  });

  test("cuts all at once", async () => {
    const wires = await Promise.all([open(proxy.port), open(proxy.port)]);
    for (const wire of wires) expect(await wire.ask("x")).toBe("e:x");
    const ends = wires.map((wire) => wire.ask(""));
    proxy.cutAll();
    for (const end of ends) expect(await end).toMatch(/closed|ended/);
    expect(proxy.open).toBe(0);
  });
});
