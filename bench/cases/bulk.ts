import { randomFillSync } from "node:crypto";
import { join } from "node:path";
import { type Bench, cpuDuring, inTurns, record, settleDisk, withServers } from "../bench.ts";
import { connect } from "../connection.ts";
import { type Drained, drain, getLoad } from "../measure.ts";
import { type Blob, blobOf, chunkedBody, digestOf, pushStreamed } from "../registry-client.ts";
import type { Server } from "../server.ts";

const largeBytes = 256 * 1024 * 1024;
const tlsBytes = 64 * 1024 * 1024;
const bulkConnections = 4;
const repository = "bench/big";

/** 256 MiB over four connections, from the page cache. */
export async function bulkPull(bench: Bench): Promise<void> {
  await withServers(bench, "pull", {}, (servers) =>
    timedPulls(bench, servers, largeBytes, "pull", pushPlain, (server, path, seconds) =>
      drain(server.port, path, { connections: bulkConnections, seconds }),
    ),
  );
}

/** 64 MiB over four TLS connections with a certificate made for this run. */
export async function tlsPull(bench: Bench): Promise<void> {
  const tls = await makeCertificate(bench.folder);
  await withServers(bench, "tls", { tls }, (servers) =>
    timedPulls(bench, servers, tlsBytes, "tls_pull", pushOverTls, pullOverTls),
  );
}

/** The docker flow: POST, one PATCH streamed in chunks, PUT. Each push is of new bytes. */
export async function bulkPush(bench: Bench): Promise<void> {
  await withServers(bench, "push", {}, async (servers) => {
    const bytes = new Uint8Array(largeBytes);
    fillRandom(bytes);
    await inTurns(
      bench,
      servers,
      async (server) => {
        fillRandom(bytes.subarray(0, 64));
        const digest = digestOf(bytes);
        const body = [chunkedBody(bytes)];
        await settleDisk();
        const at = await connect(server.port);
        const [seconds, cpu] = await cpuDuring(server, async () => {
          const begun = performance.now();
          await pushStreamed(at, repository, digest, body);
          return (performance.now() - begun) / 1000;
        });
        at.close();
        record(bench, "push", server.peer, largeBytes / seconds / 1e9);
        record(bench, "push_cpu", server.peer, (cpu / largeBytes) * 1e9);
      },
      bench.rounds + 1,
    );
  });
}

type Pulled = Omit<Drained, "clientCores"> & Partial<Drained>;

async function timedPulls(
  bench: Bench,
  servers: Server[],
  size: number,
  row: string,
  push: (server: Server, blob: Blob) => Promise<void>,
  pull: (server: Server, path: string, seconds: number) => Promise<Pulled>,
): Promise<void> {
  const bytes = new Uint8Array(size);
  fillRandom(bytes);
  const blob = blobOf(bytes);
  for (const server of servers) await push(server, blob);
  await settleDisk();
  const path = `/v2/${repository}/blobs/${blob.digest}`;
  for (const server of servers) await pull(server, path, 1);
  await inTurns(bench, servers, async (server) => {
    const [pulled, cpu] = await cpuDuring(server, () => pull(server, path, bench.seconds));
    record(bench, row, server.peer, pulled.perSecond);
    record(bench, `${row}_cpu`, server.peer, cpu / pulled.gigabytes);
    if (pulled.clientCores === undefined) return;
    record(bench, `${row}_client`, server.peer, pulled.clientCores);
  });
}

async function pullOverTls(server: Server, path: string, seconds: number): Promise<Pulled> {
  const load = await getLoad(server.origin, [path], { connections: bulkConnections, seconds });
  return { gigabytes: load.gigabytes, perSecond: load.gigabytesPerSecond };
}

async function pushPlain(server: Server, blob: Blob): Promise<void> {
  const at = await connect(server.port);
  await pushStreamed(at, repository, blob.digest, [chunkedBody(blob.bytes)]);
  at.close();
}

async function pushOverTls(server: Server, blob: Blob): Promise<void> {
  const insecure = { tls: { rejectUnauthorized: false } };
  const begin = { method: "POST", ...insecure };
  const started = await fetch(`${server.origin}/v2/${repository}/blobs/uploads/`, begin);
  const location = new URL(started.headers.get("location") ?? "", server.origin);
  location.searchParams.set("digest", blob.digest);
  const put = { method: "PUT", body: blob.bytes.slice().buffer, ...insecure };
  const headers = { "content-type": "application/octet-stream" };
  const done = await fetch(location, { ...put, headers });
  if (done.status !== 201) throw new Error(`PUT over TLS answered ${done.status}`);
}

async function makeCertificate(folder: string): Promise<{ certificate: string; key: string }> {
  const certificate = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const san = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const names = ["-subj", "/CN=localhost", "-addext", san];
  const files = ["-nodes", "-days", "2", "-keyout", key, "-out", certificate];
  await Bun.$`openssl req -x509 ${curve} ${names} ${files}`.quiet();
  return { certificate, key };
}

/** In pieces: one call fills less than 2 GiB, and a large one stalls the loop. */
export function fillRandom(bytes: Uint8Array): void {
  const piece = 16 * 1024 * 1024;
  for (let at = 0; at < bytes.length; at += piece)
    randomFillSync(bytes, at, Math.min(piece, bytes.length - at));
}
