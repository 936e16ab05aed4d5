import { randomBytes } from "node:crypto";
import { type Bench, berthOf, inTurns, record, settleDisk, withServers } from "../bench.ts";
import { connect } from "../connection.ts";
import { longBlob, pullChunked, pushBlob, pushStreamed, randomBlob } from "../registry-client.ts";
import { type S3Server, withS3 } from "../s3-server.ts";
import { getSample, recordSamples, sampleInTurns } from "../samples.ts";
import type { Server } from "../server.ts";
import { withVariants } from "../variants.ts";
import { oneManifest, pushOne } from "./small-reads.ts";

const gigabyte = 1_000_000_000;
const pieceBytes = 8 * 1024 * 1024;
const coldBytes = 16 * 1024 * 1024;
const coldClients = 200;
/** Each of them writes six gigabytes: S3 copies what it has. */
const largeRounds = 2;
const repository = "bench/s3";

/** Berth and distribution on one S3 that keeps its objects as files of this machine. */
export async function onS3(bench: Bench): Promise<void> {
  await withS3(bench, "large", async (s3) => {
    const peers = bench.peers.filter((peer) => peer.name !== "zot");
    const options = { s3: s3.place("large") };
    await withServers(bench, "s3", options, (servers) => timedLarge(bench, s3, servers), peers);
  });
  await withS3(bench, "cold", (s3) => coldReads(bench, s3));
}

async function timedLarge(bench: Bench, s3: S3Server, servers: Server[]): Promise<void> {
  const piece = randomBytes(pieceBytes);
  const digests = new Map<Server, string>();
  await inTurns(
    bench,
    servers,
    async (server) => {
      const blob = longBlob(gigabyte, piece);
      await settleDisk();
      const at = await connect(server.port);
      const completed = s3.requests("CompleteMultipartUpload").length;
      const begun = performance.now();
      const finishMs = await pushStreamed(at, repository, blob.digest, blob.body());
      const seconds = (performance.now() - begun) / 1000;
      at.close();
      record(bench, "s3_finish", server.peer, finishMs / 1000);
      const s3Ms = s3.requests("CompleteMultipartUpload").slice(completed).reduce(sum, 0);
      record(bench, "s3_complete", server.peer, s3Ms / 1000);
      if (server.peer.name === "berth") {
        record(bench, "s3_finish_own", server.peer, (finishMs - s3Ms) / 1000);
      }
      record(bench, "s3_push", server.peer, blob.sizeBytes / seconds / 1e9);
      digests.set(server, blob.digest);
    },
    Math.min(bench.rounds, largeRounds),
  );
  await settleDisk();
  for (const [server, digest] of digests) await timedRedirects(bench, server, digest);
}

async function timedRedirects(bench: Bench, server: Server, digest: string): Promise<void> {
  const path = `/v2/${repository}/blobs/${digest}`;
  await expectRedirect(server, path, gigabyte);
  await pushOne(server);
  const samples = await sampleInTurns(
    {
      redirects: () => getSample([server], [path]),
      manifests: () => getSample([server], oneManifest),
    },
    bench.seconds,
  );
  recordSamples(bench, "s3_redirect", server.peer, samples.redirects);
  recordSamples(bench, "s3_get", server.peer, samples.manifests);
}

/** wrk counts a redirect as it counts any answer: here it is looked at, and followed. */
async function expectRedirect(server: Server, path: string, sizeBytes: number): Promise<void> {
  const answer = await fetch(`${server.origin}${path}`, { redirect: "manual" });
  const target = answer.headers.get("location");
  if (answer.status !== 307 || target === null) {
    throw new Error(`${server.peer.title}: GET ${path} answered ${answer.status}, not 307`);
  }
  const range = { range: "bytes=0-0" };
  const found = await fetch(target, { headers: range });
  await found.arrayBuffer();
  if (found.headers.get("content-range") !== `bytes 0-0/${sizeBytes}`) {
    throw new Error(`what ${path} is redirected to answered ${found.status}`);
  }
}

/** Many clients at once that want a blob which the node has not read yet. */
async function coldReads(bench: Bench, s3: S3Server): Promise<void> {
  const settings = { BERTH_S3_REDIRECT: "false" };
  const options = { cold: { settings, s3: s3.place("cold") } };
  await withVariants(bench, berthOf(bench), "cold", options, async ({ cold }) => {
    for (let round = 0; round < bench.rounds; round++) {
      const blob = randomBlob(coldBytes);
      const at = await connect(cold.port);
      await pushBlob(at, repository, blob);
      at.close();
      const before = s3.requests("GetObject").length;
      await Promise.all(
        Array.from({ length: coldClients }, () =>
          pullChunked(cold.origin, repository, blob.digest, coldBytes),
        ),
      );
      const reads = s3.requests("GetObject").length - before;
      if (reads === 0) throw new Error("nobody read the blob from S3: it was not cold");
      record(bench, "s3_cold_reads", cold.peer, reads);
    }
  });
}

function sum(all: number, each: number): number {
  return all + each;
}
