import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { ClosedApp } from "../../test/accounts/closed-app.ts";
import { anna } from "./people.ts";

/** Where the company reaches its registry. */
export const origin = "https://registry.example.com";

/** Answers that tell of the machine, which is not the company's. */
const namesMachine = /^\/api\/v1\/(settings|health)$/;

/** What stands in front of a registry in most places: it ends TLS. */
export interface Front {
  readonly port: number;
  stop(): Promise<void>;
}

/** Hands everything to `app`, as from anna's desk. Makes its certificate with openssl. */
export async function startFront(app: ClosedApp): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "berth-pictures-"));
  const [key, cert] = [join(folder, "tls.key"), join(folder, "tls.crt")];
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    ...["-nodes", "-days", "2", "-subj", "/CN=registry.example.com", "-keyout", key, "-out", cert],
  ]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr}`);
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set("x-forwarded-for", anna.address);
      headers.set("x-forwarded-proto", "https");
      const asks = namesMachine.test(pathname);
      if (asks) headers.delete("accept-encoding");
      const response = await fetch(`${app.url}${pathname}${search}`, {
        ...{ method: request.method, headers, redirect: "manual", decompress: false },
        ...(request.body === null ? {} : { body: request.body }),
      });
      if (!asks) return response;
      const text = (await response.text())
        .replaceAll(app.folder, "/var/lib/berth")
        .replaceAll(JSON.stringify(hostname()), '"registry-1"');
      return new Response(text, { status: response.status, headers: response.headers });
    },
  });
  return {
    port: server.port ?? 0,
    async stop() {
      await server.stop(true);
      rmSync(folder, { recursive: true });
    },
  };
}
