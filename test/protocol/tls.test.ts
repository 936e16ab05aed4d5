import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { startTestApp } from "../support/test-app.ts";

/** Makes `<name>.crt` and `<name>.key` in the folder. */
function makeCertificate(folder: string, name: string): void {
  const made = Bun.spawnSync(
    [
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-nodes", "-days", "2", "-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.crt`)],
    ],
    { stderr: "ignore" },
  );
  expect(made.exitCode).toBe(0);
}

async function nameOnTheWire(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** A connection that comes while one listener takes the place of another may be reset. */
async function waitForName(port: number, name: string): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 100) {
    if ((await nameOnTheWire(port).catch(() => null)) === name) return;
    await Bun.sleep(100);
  }
  expect(await nameOnTheWire(port)).toBe(name);
}

test.skipIf(Bun.which("openssl") === null)(
  "TLS: a changed certificate is served, one that cannot be read is not, and uploads go on",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-tls-"));
    for (const name of ["first", "second"]) makeCertificate(folder, name);
    const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    const swap = (name: string) => {
      for (const [kind, path] of [
        ["crt", cert],
        ["key", key],
      ] as const) {
        copyFileSync(join(folder, `${name}.${kind}`), `${path}.new`);
        renameSync(`${path}.new`, path);
      }
    };
    swap("first");
    const app = await startTestApp({ env: { BERTH_TLS_CERT: cert, BERTH_TLS_KEY: key } });
    const request = (path: string, init: RequestInit = {}) =>
      fetch(`https://127.0.0.1:${app.port}${path}`, {
        ...init,
        tls: { rejectUnauthorized: false },
      } as RequestInit);
    try {
      expect(await nameOnTheWire(app.port)).toBe("first");
      const opened = await request("/v2/team/app/blobs/uploads/", { method: "POST" });
      const location = opened.headers.get("location") ?? "";
      expect(location).toStartWith("/v2/");
      const body = new TransformStream<Uint8Array, Uint8Array>();
      const writer = body.writable.getWriter();
      const slow = request(location, { method: "PATCH", body: body.readable });
      await writer.write(Buffer.from("before, "));

      swap("second");
      await waitForName(app.port, "second");
      expect((await request("/v2/")).status).toBe(200);
      await writer.write(Buffer.from("after"));
      await writer.close();
      expect([(await slow).status, (await slow).headers.get("range")]).toEqual([202, "0-12"]);

      writeFileSync(cert, "no certificate");
      for (let waited = 0; waited < 8_000 && app.logged.length === 0; waited += 100) {
        await Bun.sleep(100);
      }
      expect(app.logged.join("\n")).toContain("the earlier one stays");
      expect(await nameOnTheWire(app.port)).toBe("second");

      // An upload that began under an earlier certificate ends before the data folder is closed.
      const underWay = async () => {
        const text = await (await request("/metrics")).text();
        return Number(/^registry_http_in_flight_requests (\d+)/m.exec(text)?.[1]);
      };
      const without = await underWay();
      const again = await request("/v2/team/app/blobs/uploads/", { method: "POST" });
      const late = new TransformStream<Uint8Array, Uint8Array>();
      const lateWriter = late.writable.getWriter();
      const path = again.headers.get("location") ?? "";
      const ending = request(path, { method: "PATCH", body: late.readable });
      await lateWriter.write(Buffer.from("before, "));
      while ((await underWay()) <= without) await Bun.sleep(10);
      swap("first");
      await waitForName(app.port, "first");
      const stopped = app.stop();
      await Bun.sleep(500);
      await lateWriter.write(Buffer.from("after"));
      await lateWriter.close();
      expect((await ending).status).toBe(202);
      await stopped;
    } finally {
      await app.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
