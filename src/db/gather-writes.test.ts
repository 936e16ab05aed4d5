import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { listen } from "../../test/support/listening.ts";
import { gatherWrites } from "./gather-writes.ts";

test("statements that are asked at once are one write, in their order", async () => {
  let received = "";
  const server = await listen(
    createServer((client) => {
      client.on("data", (bytes) => {
        received += bytes;
      });
    }),
  );
  const socket = new Socket();
  socket.connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  gatherWrites(socket);
  const write = socket._write.bind(socket);
  const writes: string[] = [];
  socket._write = (chunk, encoding, done) => {
    writes.push(`${chunk}`);
    write(chunk, encoding, done);
  };

  // As pg does: each statement behind a cork of its own, each asked by another flow of calls.
  const ask = async (statement: string) => {
    await null;
    socket.cork();
    for (const message of ["parse", "bind", "execute", "sync"]) {
      socket.write(Buffer.from(`${message} ${statement}\n`));
    }
    socket.uncork();
  };
  await Promise.all(["one", "two", "three"].map(ask));
  await Bun.sleep(1);
  await ask("four");
  await ask("five");
  await Bun.sleep(1);

  expect(writes.length).toBe(2);
  expect(writes.map((text) => text.match(/sync \w+/g))).toEqual([
    ["sync one", "sync two", "sync three"],
    ["sync four", "sync five"],
  ]);
  while (received.length < writes.join("").length) await Bun.sleep(1);
  expect(received).toBe(writes.join(""));
  socket.destroy();
  await server.stop();
});
