import {
  appendChunk,
  type Client,
  cancelSession,
  deleteBlob,
  deleteManifest,
  deleteTag,
  finishSession,
  hasBlob,
  imageOf,
  indexOf,
  mountBlob,
  openSession,
  putManifest,
  uploadBlob,
} from "./client.ts";
import { type Content, contentOf, type Image } from "./ledger.ts";
import type { Random } from "./random.ts";

const repositories = ["kills/one", "kills/two", "other/deep/er/name", "single"] as const;
/** Few, so that clients meet: the same layer is uploaded twice at once, and mounted. */
const sharedSizes = [0, 1, 32, 5_000, 65_536, 65_537, 200_000, 700_000, 2_500_000];

/** After a failure. */
const restMs = 20;

/** What one client of a load has made and may change or delete, since nobody else does. */
interface Own {
  readonly client: Client;
  readonly random: Random;
  readonly name: string;
  /** A tag that all clients of the round move. */
  readonly latest: string;
  readonly shared: readonly Content[];
  readonly images: { repository: string; image: Image; tags: string[]; held: boolean }[];
  readonly loose: { repository: string; content: Content }[];
}

/**
 * Several clients that push, mount, tag and delete until `isOver`. Each stops where its connection breaks,
 * unless it `goesOn` with the next thing.
 */
export async function runLoad(options: {
  readonly client: Client;
  readonly random: Random;
  readonly clients: number;
  readonly seed: number;
  /** Distinguishes this load from others on the same ledger. */
  readonly round: number;
  readonly isOver: () => boolean;
  readonly goesOn?: boolean;
}): Promise<void> {
  const { client, random, seed, round } = options;
  const shared = sharedSizes.map((size, i) => contentOf(seed + i, size));
  const running = Array.from({ length: options.clients }, async (_, number) => {
    const own: Own = {
      client,
      random: random.fork(),
      name: `c${number}-r${round}`,
      latest: `latest-r${round}`,
      shared,
      images: [],
      loose: [],
    };
    while (!options.isOver()) {
      if (await act(own)) continue;
      if (options.goesOn !== true) break;
      await Bun.sleep(restMs);
    }
  });
  await Promise.all(running);
}

/** One action; false when the connection broke. */
async function act(own: Own): Promise<boolean> {
  const dice = own.random.below(100);
  if (dice < 50) return pushImage(own);
  if (dice < 58) return moveTag(own);
  if (dice < 66) return removeTag(own);
  if (dice < 72) return removeManifest(own);
  if (dice < 78) return pushIndex(own);
  if (dice < 84) return removeBlob(own);
  if (dice < 92) return leaveUpload(own);
  return abandonUpload(own);
}

function fresh(own: Own, size: number): Content {
  return contentOf(1_000_000 + own.random.below(2 ** 31), size);
}

async function pushImage(own: Own): Promise<boolean> {
  const { client, random } = own;
  const repository = random.pick(repositories);
  const config = fresh(own, 100 + random.below(400));
  const layers = Array.from({ length: 1 + random.below(3) }, () =>
    random.chance(0.6) ? random.pick(own.shared) : fresh(own, random.below(120_000)),
  );
  for (const content of [config, ...layers]) {
    if (!(await provide(own, repository, content))) return false;
  }
  const image = imageOf(config, layers);
  const tags = random.chance(0.2)
    ? []
    : [`${own.name}-${random.below(20)}`, ...(random.chance(0.2) ? [`${own.name}-b`] : [])];
  // A tag that all move, in a repository of its own: what it points to is never deleted.
  if (random.chance(0.1)) return putManifest(client, repository, image, [own.latest]);
  if (!(await putManifest(client, repository, image, tags))) return false;
  for (const other of own.images) {
    if (other.repository === repository) other.tags = other.tags.filter((t) => !tags.includes(t));
  }
  own.images.push({ repository, image, tags, held: false });
  return true;
}

/** As clients do it: ask, try to mount, upload. */
async function provide(own: Own, repository: string, content: Content): Promise<boolean> {
  const { client, random } = own;
  if (await hasBlob(client, repository, content)) return true;
  if (random.chance(0.4)) {
    const from = random.pick(repositories);
    if (await mountBlob(client, repository, content, from)) return true;
  }
  const way = random.pick(["post", "put", "chunks"] as const);
  return uploadBlob(client, repository, content, way);
}

async function moveTag(own: Own): Promise<boolean> {
  if (own.images.length === 0) return true;
  const target = own.random.pick(own.images);
  const tag = `${own.name}-${own.random.below(20)}`;
  if (!(await putManifest(own.client, target.repository, target.image, [tag]))) return false;
  for (const other of own.images) {
    if (other.repository === target.repository) other.tags = other.tags.filter((t) => t !== tag);
  }
  target.tags.push(tag);
  return true;
}

async function removeTag(own: Own): Promise<boolean> {
  const target = own.images.find(({ tags }) => tags.length > 0);
  const tag = target?.tags.pop();
  if (target === undefined || tag === undefined) return true;
  return deleteTag(own.client, target.repository, tag);
}

async function removeManifest(own: Own): Promise<boolean> {
  const at = own.images.findIndex(({ held }) => !held);
  const [target] = at < 0 ? [] : own.images.splice(at, 1);
  if (target === undefined) return true;
  return deleteManifest(own.client, target.repository, target.image, target.tags);
}

async function pushIndex(own: Own): Promise<boolean> {
  const [first] = own.images;
  if (first === undefined) return true;
  const children = own.images.filter(({ repository, image }) => {
    return repository === first.repository && image.children.length === 0;
  });
  const index = indexOf(children.map(({ image }) => image));
  const tag = `${own.name}-index-${own.random.below(4)}`;
  if (!(await putManifest(own.client, first.repository, index, [tag]))) return false;
  for (const child of children) child.held = true;
  return true;
}

async function removeBlob(own: Own): Promise<boolean> {
  const loose = own.loose.pop();
  if (loose !== undefined && own.random.chance(0.7)) {
    return deleteBlob(own.client, loose.repository, loose.content);
  }
  const repository = own.random.pick(repositories);
  const content = fresh(own, own.random.below(50_000));
  if (!(await uploadBlob(own.client, repository, content, "post"))) return false;
  own.loose.push({ repository, content });
  return true;
}

/** Begins an upload; the audit after the next restart takes it up where it says that it is. */
async function leaveUpload(own: Own): Promise<boolean> {
  const content = fresh(own, 1 + own.random.below(300_000));
  const session = await openSession(own.client, own.random.pick(repositories), content);
  if (session === null) return false;
  return appendChunk(own.client, session, 1 + own.random.below(content.size));
}

async function abandonUpload(own: Own): Promise<boolean> {
  const content = fresh(own, 1 + own.random.below(50_000));
  const session = await openSession(own.client, own.random.pick(repositories), content);
  if (session === null || !(await appendChunk(own.client, session, content.size))) return false;
  if (own.random.chance(0.5)) return cancelSession(own.client, session);
  return finishSession(own.client, session);
}
