import {
  appendChunk,
  type Client,
  finishSession,
  hasBlob,
  openSession,
  statusOf,
} from "./client.ts";
import { type Content, contentOf, type Session } from "./ledger.ts";
import type { Random } from "./random.ts";

/** Some are one part of an upload to S3, some are several. */
const sizes = [3_000_000, 9_000_000, 14_000_001];
const chunkBytes = 4_500_000;
const restMs = 50;

/**
 * One client that uploads blobs of several megabytes in chunks, and does not give up: after a failure it asks
 * where the upload is, and goes on from there. Returns how many it brought to their end.
 */
export async function runLargeUploads(options: {
  readonly client: Client;
  readonly random: Random;
  readonly repository: string;
  readonly isOver: () => boolean;
}): Promise<number> {
  const { client, random, repository, isOver } = options;
  let done = 0;
  while (!isOver()) {
    const content = contentOf(2_000_000_000 + random.below(2 ** 30), random.pick(sizes));
    if (await upload(client, repository, content, isOver)) done++;
  }
  return done;
}

async function upload(
  client: Client,
  repository: string,
  content: Content,
  isOver: () => boolean,
): Promise<boolean> {
  let session: Session | null = null;
  while (!isOver()) {
    session ??= await openSession(client, repository, content);
    if (session === null) {
      await Bun.sleep(restMs);
      continue;
    }
    if (session.acknowledged < content.size && (await appendChunk(client, session, chunkBytes))) {
      continue;
    }
    if (session.acknowledged === content.size && (await finishSession(client, session)))
      return true;
    await Bun.sleep(restMs);
    const where = await client.call("GET", session.location);
    if (statusOf(where) === 404) {
      client.ledger.sessions.delete(session.location);
      // It may have ended well, and only the news of it was lost.
      if (session.ending && (await hasBlob(client, repository, content))) return true;
      session = null;
    } else if (where.kind === "answer" && where.status === 204) {
      const last = Number((where.headers.get("range") ?? "0-0").split("-")[1]);
      session.acknowledged = last === 0 ? 0 : last + 1;
    }
  }
  return false;
}
