import { randomBytes } from "node:crypto";
import { type Bench, folderOf, launch, record, removeFolder } from "../bench.ts";
import { type Connection, connect, head } from "../connection.ts";
import { median, usageOf } from "../measure.ts";
import { chunksOf, longBlob, pushStreamed, startUpload } from "../registry-client.ts";
import type { Server } from "../server.ts";

const starts = 5;
const idleAfterMs = 3000;
const gigabyte = 1_000_000_000;
const pieceBytes = 8 * 1024 * 1024;
const transfers = 32;
const stalledReaders = 200;
const slowWrites = ["write", "pwrite64", "writev", "pwritev", "pwritev2"];
/** Each write to the disk takes this much longer, each sync five times as much. */
const slowWriteMicros = 5000;

/** Start to the first 200 on a folder in use, and the memory of a registry nobody asked anything. */
export async function startAndIdle(bench: Bench): Promise<void> {
  for (const peer of bench.peers) {
    const folder = folderOf(bench, "start", peer);
    const times: number[] = [];
    for (let start = 0; start <= starts; start++) {
      const server = await launch(bench, "start", peer);
      // The first start creates the folder's contents.
      if (start > 0) times.push(server.startMs);
      if (start === starts) {
        await Bun.sleep(idleAfterMs);
        record(bench, "memory_idle", peer, usageOf(server.pid).memoryMb);
      }
      await server.stop();
    }
    record(bench, "start", peer, median(times));
    await removeFolder(folder);
  }
}

/**
 * The highest memory while 32 pushes of 1 GB each run for a while against a disk made slow by strace,
 * beside 200 readers that asked for a blob of 1 GB and do not read it.
 */
export async function slowDiskPeak(bench: Bench): Promise<void> {
  const seconds = bench.quick ? 10 : 40;
  const syncDelay = 5 * slowWriteMicros;
  const inject = [
    ["-e", `inject=${slowWrites.join(",")}:delay_enter=${slowWriteMicros}`],
    ["-e", `inject=fsync,fdatasync:delay_enter=${syncDelay}`],
  ].flat();
  const traced = `trace=${slowWrites.join(",")},fsync,fdatasync`;
  const tracer = [
    "strace",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-e",
    traced,
    ...inject,
    "-o",
    "/dev/null",
    "--",
  ];
  const piece = randomBytes(pieceBytes);
  for (const peer of bench.peers) {
    const folder = folderOf(bench, "memory", peer);
    const quickDisk = await launch(bench, "memory", peer);
    const digest = await pushGigabyte(quickDisk, piece);
    await quickDisk.stop();
    const server = await launch(bench, "memory", peer, { tracer });
    await peakUnderTransfers(bench, server, digest, piece, seconds);
    await server.stop();
    await removeFolder(folder);
  }
}

async function peakUnderTransfers(
  bench: Bench,
  server: Server,
  digest: string,
  piece: Uint8Array,
  seconds: number,
): Promise<void> {
  const readers = await Promise.all(
    Array.from({ length: stalledReaders }, () => stalledReader(server.port, digest)),
  );
  const { memoryPeakMb, megabytesPerSecond } = await transfersFor(server, "slow", piece, seconds);
  record(bench, "memory_peak", server.peer, memoryPeakMb);
  record(bench, "memory_peak_rate", server.peer, megabytesPerSecond);
  for (const connection of readers) connection.close();
}

/** 32 uploads of 1 GB each, begun at once and broken off when the time is over. */
export async function transfersFor(
  server: Server,
  name: string,
  piece: Uint8Array,
  seconds: number,
): Promise<{ memoryPeakMb: number; megabytesPerSecond: number }> {
  const state = { sent: 0, over: false };
  const writers = await Promise.all(
    Array.from({ length: transfers }, (_, index) =>
      startTransfer(server, `bench/${name}-${index}`, piece, state),
    ),
  );
  await Bun.sleep(seconds * 1000);
  state.over = true;
  const { memoryPeakMb } = usageOf(server.pid);
  for (const connection of writers) connection.close();
  return { memoryPeakMb, megabytesPerSecond: state.sent / seconds / 1e6 };
}

async function pushGigabyte(server: Server, piece: Uint8Array): Promise<string> {
  const blob = longBlob(gigabyte, piece);
  const at = await connect(server.port);
  await pushStreamed(at, "bench/slow", blob.digest, blob.body());
  at.close();
  return blob.digest;
}

async function stalledReader(port: number, digest: string): Promise<Connection> {
  const at = await connect(port);
  at.request(head("GET", `/v2/bench/slow/blobs/${digest}`)).catch(() => {
    // The answer never ends: closing it at the end is the plan.
  });
  await Bun.sleep(1);
  at.stall();
  return at;
}

/** Opens an upload and leaves it running; `state.sent` grows with what the server took. */
async function startTransfer(
  server: Server,
  repository: string,
  piece: Uint8Array,
  state: { sent: number; over: boolean },
): Promise<Connection> {
  const at = await connect(server.port);
  const location = await startUpload(at, repository);
  const framed = chunksOf(piece);
  const body = function* () {
    for (let sent = 0; sent < gigabyte && !state.over; sent += pieceBytes) {
      yield framed;
      state.sent += pieceBytes;
    }
    yield Buffer.from("0\r\n\r\n");
  };
  const headers = { "Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked" };
  at.request(head("PATCH", location, headers), { body: body() }).catch((error: unknown) => {
    if (!state.over) throw error;
  });
  return at;
}
