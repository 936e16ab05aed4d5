import { readdirSync } from "node:fs";
import { join } from "node:path";
import { askOperator, operatorGets } from "../../support/operator.ts";
import { queryStore } from "../../support/test-database.ts";
import type { Child } from "./child.ts";
import {
  appendChunk,
  type Client,
  cancelSession,
  deleteBlob,
  deleteManifest,
  deleteTag,
  finishSession,
  imageOf,
  mountBlob,
  openSession,
  putManifest,
  statusOf,
  uploadBlob,
} from "./client.ts";
import {
  begin,
  type Content,
  contentOf,
  digestOf,
  type Image,
  type Ledger,
  possible,
  type Register,
  type Session,
  settle,
} from "./ledger.ts";
import { bytesOf } from "./random.ts";

export const repository = "kills/syscalls";
const source = "kills/source";
/** Its tag `held` is locked. Of its project's robots one gets other roles, the other is disabled. */
const ruled = "kills/ruled";
const robots = { role: "ci", state: "leaver" } as const;
/** Background work is looked for every five seconds, and has little to do here. */
const workMsMax = 20_000;

export type Place = "upload" | "shard" | "database";

/** A request of which each system call is to be killed, or the work that a start finds. */
export interface Operation {
  readonly name: string;
  /** One after the other: a sync runs on any thread, and strace counts for each by itself. */
  readonly places: readonly Place[];
  /** The calls that matter there; all that change something by default. */
  readonly calls?: readonly string[];
  /** Of a call that is made often each so manyth; by default each. */
  readonly steps?: Readonly<Record<string, number>>;
  /** A start does it. */
  readonly atStart?: true;
  /** Beginnings of what has to be among the calls that were killed. */
  readonly wanted: readonly string[];
  prepare(client: Client): Promise<Prepared>;
}

export interface Prepared {
  readonly files: Partial<Readonly<Record<Place, readonly string[]>>>;
  run(child: Child): Promise<unknown>;
  /** Afterwards, whether it was killed or not: what the audit of the ledger does not look at. */
  audit?(client: Client): Promise<void>;
}

const written = ["pwrite64 berth.db-wal", "fdatasync berth.db-wal"];
const answered = [...written, "sendto"];
/** A frame of the WAL is written in two calls: an odd step meets both. */
const someWrites = { pwrite64: 3 };
const ofRows = { places: ["database"], wanted: answered } as const;
const ofBytes = {
  places: ["upload", "shard", "database"],
  wanted: [...answered, "fdatasync upload", "rename upload", "fsync shard"],
} as const;

export interface Operations {
  readonly all: readonly Operation[];
  /** Makes what they find there. */
  begin(client: Client): Promise<void>;
  /** Everything that the operator may ask for is as it was left. */
  auditSettings(): Promise<void>;
}

/** The operations on one data folder, which book what they were told in the ledger. */
export function createOperations(folder: string, ledger: Ledger): Operations {
  const database = ["berth.db", "berth.db-wal"].map((name) => join(folder, name));
  /** What only the operator sees: locks and rights. */
  const settings = new Map<string, Register<string>>();
  let number = 0;
  /** Of the last two runs of garbage collection, for the next one to remove. */
  let collected: Content | null = null;
  let condemned: Content | null = null;

  const all: readonly Operation[] = [
    {
      name: "sending a chunk of an upload",
      places: ["upload", "database"],
      wanted: ["pwritev upload", "pwrite64 berth.db-wal", "sendto"],
      async prepare(client) {
        const session = await begunSession(client, nextContent(70_000), [35_000]);
        return {
          run: () => appendChunk(client, session, 35_000),
          files: { upload: [stagedOf(session)], database },
        };
      },
    },
    {
      name: "finishing a chunked upload",
      ...ofBytes,
      async prepare(client) {
        const content = nextContent(70_000);
        const session = await begunSession(client, content, [35_000, 35_000]);
        return {
          run: () => finishSession(client, session),
          files: { upload: [stagedOf(session)], shard: [shardOf(content)], database },
        };
      },
    },
    {
      name: "an upload whose bytes come at the end",
      ...ofBytes,
      async prepare(client) {
        const content = nextContent(3_000);
        const session = await begunSession(client, content, []);
        return {
          run: () => finishSession(client, session, bytesOf(content.seed, content.size)),
          files: { upload: [stagedOf(session)], shard: [shardOf(content)], database },
        };
      },
    },
    {
      name: "canceling an upload",
      places: ["upload", "database"],
      wanted: [...answered, "unlink upload"],
      async prepare(client) {
        const session = await begunSession(client, nextContent(2_000), [1_000]);
        let isCanceled = false;
        return {
          run: async () => {
            isCanceled = await cancelSession(client, session);
          },
          files: { upload: [stagedOf(session)], database },
          async audit(next) {
            const status = statusOf(await next.call("GET", session.location));
            if (isCanceled && status !== 404) {
              ledger.violations.push(`upload ${session.location}: canceled, and ${status}`);
            }
          },
        };
      },
    },
    {
      name: "putting a manifest",
      ...ofRows,
      async prepare(client) {
        const [config, layer] = [nextContent(200), nextContent(500)];
        for (const content of [config, layer]) {
          await uploadBlob(client, repository, content, "post");
        }
        const image = imageOf(config, [layer]);
        const tags = [`tag-${number}`, "moved-each-time"];
        return rows(() => putManifest(client, repository, image, tags));
      },
    },
    {
      name: "mounting a blob",
      ...ofRows,
      async prepare(client) {
        const content = nextContent(400);
        await uploadBlob(client, source, content, "post");
        return rows(() => mountBlob(client, repository, content, source));
      },
    },
    {
      name: "deleting a blob",
      ...ofRows,
      async prepare(client) {
        const content = nextContent(400);
        await uploadBlob(client, repository, content, "post");
        return rows(() => deleteBlob(client, repository, content));
      },
    },
    {
      name: "deleting a tag",
      ...ofRows,
      async prepare(client) {
        const { tag } = await pushImage(client);
        return rows(() => deleteTag(client, repository, tag));
      },
    },
    {
      name: "deleting a manifest with its tag",
      ...ofRows,
      async prepare(client) {
        const { image, tag } = await pushImage(client);
        return rows(() => deleteManifest(client, repository, image, [tag]));
      },
    },
    {
      name: "restoring a manifest with its tag",
      ...ofRows,
      async prepare(client) {
        const { image, tag } = await pushImage(client);
        await deleteManifest(client, repository, image, [tag]);
        const unit = await unitOf(image);
        return rows(() => restore(image, tag, unit));
      },
    },
    {
      name: "erasing a manifest",
      ...ofRows,
      steps: someWrites,
      async prepare(client) {
        const erasure = await deletedImage(client);
        return { ...rows(() => erase(erasure)), audit: () => auditErasure(erasure) };
      },
    },
    {
      name: "removing the bytes of an erased manifest",
      places: ["shard"],
      calls: ["unlink"],
      wanted: ["unlink shard"],
      async prepare(client) {
        const erasure = await deletedImage(client);
        const [config] = erasure.image.blobs;
        const files = config === undefined ? [] : filesOf(config);
        return {
          async run(child) {
            await erase(erasure);
            await until(child, async () => isGone(erasure.image));
          },
          files: { shard: files },
          audit: () => auditErasure(erasure),
        };
      },
    },
    {
      name: "garbage collection",
      places: ["database"],
      calls: ["pwrite64", "fdatasync"],
      steps: { pwrite64: 11, fdatasync: 2 },
      atStart: true,
      wanted: written,
      prepare: collectGarbage,
    },
    {
      name: "locking a tag",
      ...ofRows,
      steps: someWrites,
      prepare: () => changing("lock", "unlocked", "locked"),
    },
    {
      name: "giving a robot another role",
      ...ofRows,
      steps: someWrites,
      prepare: () => changing("role", "reader", "maintainer"),
    },
    {
      name: "disabling a robot",
      ...ofRows,
      steps: someWrites,
      prepare: () => changing("state", "active", "disabled"),
    },
  ];

  return {
    all,
    async begin(client) {
      const config = nextContent(100);
      await uploadBlob(client, ruled, config, "post");
      await putManifest(client, ruled, imageOf(config, []), ["held"]);
      for (const name of Object.values(robots)) {
        await operatorGets(folder, "POST", "/projects/kills/robots", { name, role: "reader" });
      }
    },
    async auditSettings() {
      for (const key of settings.keys()) await auditSetting(key as Setting);
    },
  };

  function rows(run: () => Promise<unknown>): Prepared {
    return { run, files: { database } };
  }

  async function begunSession(
    client: Client,
    content: Content,
    chunks: readonly number[],
  ): Promise<Session> {
    const session = await openSession(client, repository, content);
    if (session === null) throw new Error("no upload");
    for (const size of chunks) await appendChunk(client, session, size);
    return session;
  }

  async function pushImage(client: Client): Promise<{ image: Image; tag: string }> {
    const config = nextContent(150);
    const tag = `tag-${number}`;
    await uploadBlob(client, repository, config, "post");
    const image = imageOf(config, []);
    await putManifest(client, repository, image, [tag]);
    return { image, tag };
  }

  async function unitOf(image: Image): Promise<string> {
    const unit = await findUnit(image);
    if (unit === null) throw new Error(`${image.digest} is not in the trash`);
    return unit;
  }

  async function findUnit({ digest }: Image): Promise<string | null> {
    const path = `/trash?repository=${encodeURIComponent(repository)}&limit=100`;
    type Units = { items: { id: string; kind: string; digest: string | null }[] };
    // The newest come first.
    const { items } = await operatorGets<Units>(folder, "GET", path);
    const found = items.find((item) => item.kind === "manifest" && item.digest === digest);
    return found?.id ?? null;
  }

  async function restore({ digest }: Image, tag: string, unit: string): Promise<void> {
    const { manifests, tags } = ledger;
    const changes = [
      begin(ledger, manifests, `${repository} ${digest}`, true, false),
      begin<string | null>(ledger, tags, `${repository} ${tag}`, digest, null),
    ];
    const answer = await askUnlessKilled("POST", "/trash/restore", { units: [unit] });
    if (answer) for (const change of changes) change.acknowledge();
  }

  /** What the operator was answered with success; false where the process was killed. */
  async function askUnlessKilled(method: string, path: string, body?: unknown): Promise<boolean> {
    let answer: Response;
    try {
      answer = await askOperator(folder, method, `/api/v1${path}`, body);
      await answer.text();
    } catch {
      // Nobody heard what came of it.
      return false;
    }
    if (!answer.ok) ledger.violations.push(`${method} ${path}: ${answer.status}`);
    return answer.ok;
  }

  interface Erasure {
    readonly image: Image;
    readonly tag: string;
    readonly unit: string;
    isAcknowledged: boolean;
  }

  async function deletedImage(client: Client): Promise<Erasure> {
    const { image, tag } = await pushImage(client);
    await deleteManifest(client, repository, image, [tag]);
    // Its blob goes with it: nobody is told any more that it is there.
    for (const blob of image.blobs) ledger.blobs.delete(`${repository} ${blob.digest}`);
    return { image, tag, unit: await unitOf(image), isAcknowledged: false };
  }

  async function erase(erasure: Erasure): Promise<void> {
    const body = { units: [erasure.unit] };
    erasure.isAcknowledged = await askUnlessKilled("POST", "/trash/erase", body);
  }

  /** Either it went, and so do its bytes; or it can be restored whole, which the next audit reads. */
  async function auditErasure({ image, tag, unit, isAcknowledged }: Erasure): Promise<void> {
    if ((await findUnit(image)) === null) {
      if (!(await until(null, async () => isGone(image)))) {
        ledger.violations.push(`manifest ${image.digest}: erased, and its bytes are still there`);
      }
      return;
    }
    if (isAcknowledged)
      ledger.violations.push(`manifest ${image.digest}: erased, and in the trash`);
    await restore(image, tag, unit);
  }

  function isGone({ blobs }: Image): boolean {
    return blobs.every((blob) => filesOf(blob).length === 0);
  }

  /**
   * Has one blob condemned, the one before it collected, and the bytes removed of the one before that.
   * Beside them are a blob that a manifest needs, and one that was just promised.
   */
  async function collectGarbage(client: Client): Promise<Prepared> {
    const [going, needed, promised] = [nextContent(600), nextContent(300), nextContent(200)];
    for (const content of [going, needed, promised]) {
      await uploadBlob(client, repository, content, "post");
    }
    await putManifest(client, repository, imageOf(needed, []), [`tag-${number}`]);
    const removed = collected;
    [collected, condemned] = [condemned, going];
    const gone = begin(ledger, ledger.blobs, `${repository} ${going.digest}`, false, false);
    const agedAt = Date.now();
    await queryStore(
      folder,
      "update repository_blobs set lease_until = 1 where digest in (?, ?)",
      ...[going.digest, needed.digest],
    );
    const due = "update blobs set collect_after = 1 where collect_after is not null";
    await queryStore(folder, due);
    await queryStore(folder, "update blob_deletions set due_at = 1");
    await operatorGets(folder, "POST", "/gc/run", {});

    type Status = { last_cycle_at: string | null; condemned: { blobs: number } };
    const isDone = async () => {
      const status = await operatorGets<Status>(folder, "GET", "/gc");
      const isOver = Date.parse(status.last_cycle_at ?? "") >= agedAt;
      const isRemoved = removed === null || filesOf(removed).length === 0;
      return isOver && status.condemned.blobs === 1 && isRemoved;
    };
    return {
      run: (child) => until(child, isDone),
      files: { database },
      async audit(next) {
        if (await until(null, isDone)) gone.acknowledge();
        else ledger.violations.push("garbage collection did not come to its end");
        const answer = await next.call("GET", `/v2/${repository}/blobs/${promised.digest}`);
        if (answer.kind === "lost" || digestOf(answer.body) !== promised.digest) {
          ledger.violations.push(`blob ${promised.digest}: was promised, and is not there`);
        }
      },
    };
  }

  type Setting = "lock" | "role" | "state";

  async function changing(key: Setting, from: string, to: string): Promise<Prepared> {
    await changeSetting(key, from);
    return { ...rows(() => changeSetting(key, to)), audit: () => auditSetting(key) };
  }

  async function changeSetting(key: Setting, value: string): Promise<void> {
    const change = begin(ledger, settings, key, value, value);
    const isDone = await askUnlessKilled(...requestFor(key, value));
    if (isDone) change.acknowledge();
  }

  function requestFor(key: Setting, value: string): [string, string, unknown?] {
    switch (key) {
      case "lock": {
        const path = `/repositories/${encodeURIComponent(ruled)}/tags/held/lock`;
        return [value === "locked" ? "PUT" : "DELETE", path];
      }
      case "role":
        return ["PUT", `/projects/kills/members/robot.kills.${robots.role}`, { role: value }];
      case "state": {
        const disabled = value === "disabled";
        return ["PATCH", `/projects/kills/robots/${robots.state}`, { disabled }];
      }
    }
  }

  async function auditSetting(key: Setting): Promise<void> {
    const register = settings.get(key);
    if (register === undefined) return;
    const found = await readSetting(key);
    const expected = possible(register);
    if (!expected.includes(found)) {
      ledger.violations.push(`${key}: is ${found}, not ${expected.join(" or ")}`);
    }
    settle(ledger, register, found);
  }

  /** As lists have it; what decides has to say the same. */
  async function readSetting(key: Setting): Promise<string> {
    const get = <T>(path: string) => operatorGets<T>(folder, "GET", path);
    const may = async (robot: string, action: string) => {
      const asked = `user=robot.kills.${robot}&action=${action}&ref=${encodeURIComponent(ruled)}`;
      return (await get<{ allowed: boolean }>(`/access/why?${asked}`)).allowed;
    };
    switch (key) {
      case "lock": {
        type Tags = { items: { name: string; locked_at: string | null }[] };
        const { items } = await get<Tags>(`/repositories/${encodeURIComponent(ruled)}/tags`);
        return items.some(({ locked_at }) => locked_at !== null) ? "locked" : "unlocked";
      }
      case "role": {
        type Members = { items: { member: string; role: string }[] };
        const { items } = await get<Members>("/projects/kills/members");
        const found = items.find(({ member }) => member === `robot.kills.${robots.role}`);
        const mayPush = await may(robots.role, "push");
        const isSame = mayPush === (found?.role === "maintainer");
        return isSame ? `${found?.role}` : `${found?.role} that may push: ${mayPush}`;
      }
      case "state": {
        const path = `/projects/kills/robots/${robots.state}`;
        const { disabled } = await get<{ disabled: boolean }>(path);
        const mayPull = await may(robots.state, "pull");
        const state = disabled ? "disabled" : "active";
        return mayPull === !disabled ? state : `${state}, and may pull: ${mayPull}`;
      }
    }
  }

  /** Asks again and again; false where it does not come to that, or the process ends before. */
  async function until(child: Child | null, isSo: () => Promise<boolean>): Promise<boolean> {
    let isOver = false;
    void child?.exited.then(() => {
      isOver = true;
    });
    for (let waited = 0; waited < workMsMax && !isOver; waited += 20) {
      if (await isSo().catch(() => false)) return true;
      await Bun.sleep(20);
    }
    return false;
  }

  function nextContent(size: number): Content {
    return contentOf(5_000_000 + number++, size);
  }

  function stagedOf({ location }: Session): string {
    return join(folder, "uploads", location.split("/").at(-1) ?? "");
  }

  function shardOf({ digest }: Content): string {
    return join(folder, "blobs/sha256", digest.slice("sha256:".length).slice(0, 2));
  }

  function filesOf(content: Content): string[] {
    const hex = content.digest.slice("sha256:".length);
    const names = readdirSync(shardOf(content)).filter((name) => name.startsWith(hex));
    return names.map((name) => join(shardOf(content), name));
  }
}
