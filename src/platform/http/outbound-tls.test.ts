import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const hasOpenssl = Bun.which("openssl") !== null;
const folder = mkdtempSync(join(tmpdir(), "berth-outbound-"));
const [certificate, key] = [join(folder, "crt"), join(folder, "key")];
let server: ReturnType<typeof Bun.serve> | null = null;

beforeAll(() => {
  if (!hasOpenssl) return;
  const { exitCode } = Bun.spawnSync(
    [
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-nodes", "-days", "2", "-subj", "/CN=hooks.example"],
      ...["-addext", "subjectAltName=DNS:hooks.example", "-keyout", key, "-out", certificate],
    ],
    { stderr: "ignore" },
  );
  expect(exitCode).toBe(0);
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: Bun.file(certificate), key: Bun.file(key) },
    fetch: () => new Response("fine"),
  });
});

afterAll(async () => {
  await server?.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

/** In a process of its own, which trusts the certificate or does not. */
async function post(host: string, trusted: boolean): Promise<string> {
  const program = `
    import { systemClock } from "${import.meta.dir}/../../lib/clock.ts";
    import { createOutbound } from "${import.meta.dir}/post-outside.ts";
    const resolve = async () => ["127.0.0.1"];
    const outbound = createOutbound({ clock: systemClock, allow: ["127.0.0.1"], resolve });
    const url = new URL("https://${host}:${server?.port}/hook");
    const sent = { headers: {}, body: "{}" };
    const { kind, reason } = await outbound.post(url, sent, new AbortController().signal);
    console.log(kind, reason ?? "");`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    env: {
      PATH: process.env["PATH"] ?? "",
      ...(trusted ? { NODE_EXTRA_CA_CERTS: certificate } : {}),
    },
    stdout: "pipe",
  });
  return (await new Response(child.stdout).text()).trim();
}

describe.skipIf(!hasOpenssl)("GHSA-884q-mjcg-86x4: TLS of a server that a user named", () => {
  test.each([
    ["hooks.example", true, "answered"],
    ["hooks.example", false, "failed"],
    ["other.example", true, "failed"],
  ] as const)("%s, its certificate trusted: %p: %s", async (host, trusted, outcome) => {
    expect(await post(host, trusted)).toStartWith(outcome);
  });
});
