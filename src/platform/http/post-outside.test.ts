import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../lib/clock.ts";
import { brokenUrlRule, createOutbound, type OutboundOptions } from "./post-outside.ts";

const never = new AbortController().signal;
const message = { headers: { "content-type": "application/json" }, body: '{"a":1}' };
const seen: string[] = [];
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => {
      body += piece.toString();
    });
    request.on("end", () => {
      seen.push(`${request.method} ${request.url} ${request.headers.host} ${body}`);
      if (request.url === "/moved") response.writeHead(302, { location: "/elsewhere" }).end();
      else if (request.url === "/bomb") {
        const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
        response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
      } else if (request.url === "/long") response.writeHead(200).end("x".repeat(1024 * 1024));
      else response.writeHead(200, { "content-type": "text/plain" }).end("fine");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function post(url: string, options: Partial<OutboundOptions> = {}) {
  const outbound = createOutbound({ clock: systemClock, allow: ["127.0.0.1"], ...options });
  return outbound.post(new URL(url), message, never);
}

describe("a request to an address that a user named", () => {
  test("arrives whole, and its answer comes back", async () => {
    seen.length = 0;
    const result = await post(`http://127.0.0.1:${port}/hook`);
    expect(result).toMatchObject({ kind: "answered", status: 200, body: "fine" });
    expect(seen).toEqual([`POST /hook 127.0.0.1:${port} {"a":1}`]);
  });

  test("goes there, whatever proxy the environment names", async () => {
    const program = `
      import { systemClock } from "${import.meta.dir}/../../lib/clock.ts";
      import { createOutbound } from "${import.meta.dir}/post-outside.ts";
      const outbound = createOutbound({ clock: systemClock, allow: ["127.0.0.1"] });
      const url = new URL("http://127.0.0.1:${port}/hook");
      const sent = { headers: {}, body: "{}" };
      const { kind, reason } = await outbound.post(url, sent, new AbortController().signal);
      console.log(kind, reason);`;
    const proxy = "http://127.0.0.1:1";
    const child = Bun.spawn([process.execPath, "-e", program], {
      env: { PATH: process.env["PATH"] ?? "", http_proxy: proxy, HTTP_PROXY: proxy },
      stdout: "pipe",
    });
    expect((await new Response(child.stdout).text()).trim()).toStartWith("answered");
  });

  test("goes to the address that was looked at, under the name that was asked for", async () => {
    seen.length = 0;
    const answers = [["127.0.0.1"], ["127.0.0.9"]];
    let asked = 0;
    const resolve = async () => answers[asked++] ?? [];
    const result = await post(`http://rebinds.example:${port}/hook`, { resolve });
    expect(result).toMatchObject({ kind: "answered", status: 200 });
    expect(asked).toBe(1);
    expect(seen).toEqual([`POST /hook rebinds.example:${port} {"a":1}`]);
  });

  test.each([
    ...["127.0.0.1", "localhost", "localhost.", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"],
    ...["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "169.254.169.254", "10.0.0.1"],
    ...["[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "168.63.129.16", "１２７.0.0.1"],
  ])("GHSA-2phj-cp9f-qq6w: is not made to %s unless that is allowed", async (host) => {
    seen.length = 0;
    const result = await post(`http://${host}:${port}/`, { allow: [] });
    expect(result).toMatchObject({ kind: "failed" });
    expect((result as { reason: string }).reason).toMatch(/inner network|has no address/);
    expect(seen).toEqual([]);
  });

  test("is not made where a name means nothing but inner addresses, also not to one beside", async () => {
    const resolve = async () => ["10.0.0.1", "127.0.0.2"];
    const result = await post(`http://inside.example:${port}/`, { resolve });
    expect(result).toMatchObject({ kind: "failed" });
    expect((result as { reason: string }).reason).toContain("webhooks.allow");
  });

  test("CVE-2026-2376: does not follow where an answer leads", async () => {
    seen.length = 0;
    const result = await post(`http://127.0.0.1:${port}/moved`);
    expect(result).toMatchObject({ kind: "answered", status: 302 });
    expect(seen).toHaveLength(1);
  });

  test("GHSA-jw3v-7jvc-pfmx: reads the beginning of an answer, and nothing that was compressed grows", async () => {
    const bomb = await post(`http://127.0.0.1:${port}/bomb`);
    expect(bomb).toMatchObject({ kind: "answered", headers: { "content-encoding": "gzip" } });
    const long = await post(`http://127.0.0.1:${port}/long`);
    expect((long as { body: string }).body).toBe("x".repeat(16 * 1024));
  });

  test("ends where the receiver says nothing, or never stops saying something", async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
    });
    const endless = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
    });
    for (const each of [silent, endless]) {
      await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
      const at = (each.address() as AddressInfo).port;
      const result = await post(`http://127.0.0.1:${at}/`, { requestMsMax: 100 });
      expect(result).toMatchObject({ kind: "failed", reason: "no answer within 0.1 s" });
    }
    for (const socket of sockets) socket.destroy();
    for (const each of [silent, endless]) each.close();
  });

  test("waits no longer than that for a name server", async () => {
    const resolve = () => new Promise<string[]>(() => {});
    const result = await post("http://slow.example/", { resolve, requestMsMax: 50 });
    expect(result).toMatchObject({ kind: "failed", reason: "no answer within 0.05 s" });
  });
});

test.each([
  ["ftp://example.com/", "https://"],
  ["file:///etc/passwd", "https://"],
  ["https://user:secret@example.com/", "no user"],
  ["https://example.com/#there", "fragment"],
  [`https://example.com/${"x".repeat(3_000)}`, "2048"],
])("%s is no address of a receiver", (url, rule) => {
  expect(brokenUrlRule(new URL(url))).toContain(rule);
});
