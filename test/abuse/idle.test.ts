import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog } from "../../src/platform/log.ts";
import { type Running, serve } from "../../src/serve.ts";
import { openSocket } from "../support/raw-socket.ts";

/** Sockets are swept every four seconds: a timeout may come that much later. */
const idleSeconds = 4;
const closedAfterMsMax = 12_000;

describe("connections on which nothing moves any more", () => {
  let folder: string;
  let server: Running;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-idle-"));
    const { config } = loadConfig(
      { listen: "127.0.0.1:0", data: folder },
      { BERTH_LOG_REQUESTS: "false", BERTH_OPEN: "1" },
    );
    server = await serve(config, createLog({ format: "text", level: "error" }), { idleSeconds });
  });

  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const uploads = "/v2/team/app/blobs/uploads/";
  const absent = `sha256:${"0".repeat(64)}`;
  const unsent = "Content-Length: 100\r\n";
  const cases: readonly [name: string, request: string, status: number, fields: string][] = [
    ["after a GET", "GET /v2/", 200, ""],
    ["after a POST", `POST ${uploads}`, 202, ""],
    ["after a POST whose body does not come", `POST ${uploads}`, 202, unsent],
    ["after a POST without its chunks", `POST ${uploads}`, 202, "Transfer-Encoding: chunked\r\n"],
    ["after a POST to nowhere", "POST /nowhere", 405, unsent],
    ["after a PUT that is refused unread", `PUT ${uploads}x`, 400, unsent],
    ["after a DELETE", `DELETE /v2/team/app/blobs/${absent}`, 404, unsent],
  ];
  for (const [name, request, status, fields] of cases) {
    test.concurrent(
      `${name}: closed`,
      async () => {
        const socket = await openSocket(server.port);
        let answer = "";
        socket.on("data", (data: Buffer) => {
          answer += data.toString("latin1");
        });
        socket.write(`${request} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
        const closed = new Promise((resolve) => socket.on("close", () => resolve("closed")));
        const end = await Promise.race([closed, Bun.sleep(closedAfterMsMax)]);
        socket.destroy();
        expect(answer).toStartWith(`HTTP/1.1 ${status} `);
        expect(end).toBe("closed");
      },
      closedAfterMsMax + 5_000,
    );
  }
});
