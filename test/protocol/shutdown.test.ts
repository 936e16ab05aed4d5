import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../support/images.ts";
import { formatRequest, openSocket } from "../support/raw-socket.ts";

interface Spawned {
  readonly port: number;
  readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;
}

/** A server of its own process, which has said where it is. */
async function spawnServer(folder: string): Promise<Spawned> {
  const child = Bun.spawn(
    [process.execPath, "src/main.ts", "serve", "--listen", "127.0.0.1:0", "--data", folder],
    {
      cwd: join(import.meta.dir, "../.."),
      env: { ...Bun.env, BERTH_LOG_FORMAT: "json", BERTH_OPEN: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of child.stdout) {
    said += decoder.decode(chunk, { stream: true });
    const url = /"url":"http:\/\/[^":]+:(\d+)"/.exec(said)?.[1];
    if (url !== undefined) return { port: Number(url), child };
  }
  throw new Error(`the server ended before it was ready: ${said}`);
}

async function withServer(body: (server: Spawned, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-shutdown-"));
  const server = await spawnServer(folder);
  try {
    await body(server, folder);
  } finally {
    server.child.kill("SIGKILL");
    await server.child.exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal}: an upload under way ends with 201, nobody new gets in, the exit code is 0`, async () => {
    await withServer(async ({ port, child }, folder) => {
      const content = Buffer.alloc(2_000_000, "drain");
      const digest = digestOf(content);
      const socket = await openSocket(port);
      let answer = "";
      socket.on("data", (data: Buffer) => {
        answer += data.toString();
      });
      const head = formatRequest({
        method: "POST",
        target: `/v2/team/app/blobs/uploads/?digest=${digest}`,
        headers: { "content-length": String(content.length) },
      });
      socket.write(Buffer.concat([head, content.subarray(0, 1_000_000)]));
      await Bun.sleep(200);

      child.kill(signal);
      await Bun.sleep(300);
      expect(child.exitCode).toBeNull();
      expect(
        await openSocket(port).then(
          () => "connected",
          () => "refused",
        ),
      ).toBe("refused");
      socket.write(content.subarray(1_000_000));
      expect(await child.exited).toBe(0);
      expect(answer).toStartWith("HTTP/1.1 201 ");
      socket.destroy();

      const again = await spawnServer(folder);
      try {
        const blob = await fetch(`http://127.0.0.1:${again.port}/v2/team/app/blobs/${digest}`);
        expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
      } finally {
        again.child.kill("SIGTERM");
        expect(await again.child.exited).toBe(0);
      }
    });
  });
}

test("connections that are merely open do not hold up the end", async () => {
  await withServer(async ({ port, child }) => {
    const idle = await Promise.all(Array.from({ length: 20 }, () => openSocket(port)));
    for (const socket of idle.slice(0, 10)) {
      socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    await Bun.sleep(200);
    const start = performance.now();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(performance.now() - start).toBeLessThan(3_000);
    for (const socket of idle) socket.destroy();
  });
});
