import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anna } from "./people.ts";

/** Where the company reaches its registry. */
export const origin = "https://registry.example.com";

/** What stands in front of a registry in most places: it ends TLS. */
export interface Front {
  readonly port: number;
  stop(): Promise<void>;
}

/** Hands everything to `target`, as from anna's desk. Makes its certificate with openssl. */
export async function startFront(target: string): Promise<Front> {
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
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set("x-forwarded-for", anna.address);
      headers.set("x-forwarded-proto", "https");
      return fetch(`${target}${pathname}${search}`, {
        ...{ method: request.method, headers, redirect: "manual", decompress: false },
        ...(request.body === null ? {} : { body: request.body }),
      });
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
