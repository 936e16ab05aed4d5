import { type Connection, connect, head, headerOf, type Reply } from "../../../bench/connection.ts";
import { imageOf, imageType } from "./client.ts";
import { type Content, contentOf, digestOf, type Image } from "./ledger.ts";
import type { Action, Operation, TagValue } from "./linearizable.ts";
import { bytesOf, type Random } from "./random.ts";

/** Several clients that move the same few tags, and what each of them was told. */
export interface TagLoad {
  readonly repository: string;
  /** By tag. */
  readonly histories: ReadonlyMap<string, Operation[]>;
  /** What was acknowledged with 201, each with the blobs that it names. */
  readonly pushed: ReadonlySet<string>;
  readonly counts: TagCounts;
  /** What the registry must not do, whatever happens to it. */
  readonly violations: string[];
  /** The next place in the order of events. */
  place: number;
}

export interface TagCounts {
  operations: number;
  /** Changes of which nobody knows whether they were made. */
  unanswered: number;
  /** Answers from 500 on that were excused, by their status. */
  readonly refused: Record<number, number>;
  /** The longest that an answered request took. */
  slowestMs: number;
}

export interface TagLoadOptions {
  /** Where each of a client's connections goes: to a balancer, or to nodes. Each request takes one of them. */
  readonly ports: readonly number[];
  readonly repository: string;
  readonly tags: readonly string[];
  readonly clients: number;
  readonly random: Random;
  readonly isOver: (counts: TagCounts) => boolean;
  /** Statuses from 500 that the fault at hand excuses. */
  readonly excused?: readonly number[];
  /** After so long a client takes a request for lost. Without a fault that is a violation. */
  readonly patienceMs?: number;
  /** Whether connections may break. */
  readonly isFaulty?: boolean;
  /** Reads are answered from a memory that is up to so old: a fault that must be found. */
  readonly staleMs?: number;
}

const patienceMsDefault = 20_000;
/** A client whose request was refused or lost does not come back at once. */
const restMs = 20;

interface Run extends TagLoad {
  readonly options: TagLoadOptions;
  readonly pushed: Set<string>;
  readonly blobs: readonly Content[];
  readonly remembered: Map<string, { found: TagValue; at: number }>;
  written: number;
}

/** Lets the clients loose until `isOver`. */
export async function runTagLoad(options: TagLoadOptions): Promise<TagLoad> {
  return await (await prepareTagLoad(options))();
}

/** Pushes the blobs that all manifests name; the load begins with a call of what is returned. */
export async function prepareTagLoad(options: TagLoadOptions): Promise<() => Promise<TagLoad>> {
  const { repository, tags } = options;
  const run: Run = {
    options,
    repository,
    histories: new Map(tags.map((tag) => [tag, []])),
    pushed: new Set(),
    counts: { operations: 0, unanswered: 0, refused: {}, slowestMs: 0 },
    violations: [],
    blobs: [contentOf(1, 200), contentOf(2, 5_000)],
    remembered: new Map(),
    place: 0,
    written: 0,
  };
  await pushBlobs(run);
  return async () => {
    const clients = Array.from({ length: options.clients }, (_, number) =>
      runClient(run, number, options.random.fork()),
    );
    await Promise.all(clients);
    return run;
  };
}

/** Reads every tag once more, and books what it found. */
export async function readTags(load: TagLoad, url: string): Promise<void> {
  for (const [tag, history] of load.histories) {
    const begun = load.place++;
    const path = `/v2/${load.repository}/manifests/${tag}`;
    const { status, headers } = await fetch(url + path, { keepalive: false });
    const found = status === 200 ? headers.get("docker-content-digest") : null;
    if (status !== 200 && status !== 404) load.violations.push(`GET ${url}${path}: ${status}`);
    const action: Action = { kind: "read", found };
    history.push({ client: -1, begun, ended: load.place++, action });
  }
}

async function pushBlobs({ options, blobs }: Run): Promise<void> {
  const connection = await connect(options.ports[0] ?? 0);
  for (const { digest, seed, size } of blobs) {
    const path = `/v2/${options.repository}/blobs/uploads/?digest=${digest}`;
    const asked = head("POST", path, { "content-length": `${size}` });
    const { status, body } = await connection.request(asked, {
      body: [bytesOf(seed, size)],
      keepBody: true,
    });
    if (status !== 201) throw new Error(`a blob of the load was answered ${status}: ${body}`);
  }
  connection.close();
}

/** One of the clients. Its connections are opened when they are needed, and again when they broke. */
interface Client {
  readonly run: Run;
  readonly number: number;
  readonly random: Random;
  readonly connections: (Connection | null)[];
  /** What it last saw of each tag. */
  readonly seen: Map<string, TagValue>;
}

async function runClient(run: Run, number: number, random: Random): Promise<void> {
  const connections = run.options.ports.map(() => null);
  const client: Client = { run, number, random, connections, seen: new Map() };
  while (!run.options.isOver(run.counts) && run.violations.length === 0) {
    if (!(await act(client))) await Bun.sleep(restMs);
  }
  for (const connection of client.connections) connection?.close();
}

/** One request; false when it was refused or lost. */
async function act(client: Client): Promise<boolean> {
  const { run, random, seen } = client;
  const { tags } = run.options;
  const tag = random.pick(tags);
  const dice = random.below(100);
  if (dice < 46) return read(client, tag, random.chance(0.5) ? "GET" : "HEAD");
  if (dice < 74) return push(client, [tag], undefined, false);
  if (dice < 82) return push(client, [tag, random.pick(tags)], undefined, true);
  if (dice < 84) return push(client, [tag], null, random.chance(0.5));
  if (dice < 94) {
    const from = seen.get(tag);
    if (from === undefined || from === null) return read(client, tag, "GET");
    return push(client, [tag], from, random.chance(0.5));
  }
  return remove(client, tag);
}

async function read(client: Client, tag: string, method: "GET" | "HEAD"): Promise<boolean> {
  const { run } = client;
  const { staleMs = 0 } = run.options;
  const begun = run.place++;
  const old = run.remembered.get(tag);
  if (old !== undefined && performance.now() - old.at < staleMs) {
    await Bun.sleep(0);
    book(client, [tag], begun, { kind: "read", found: old.found });
    return true;
  }
  const path = `/v2/${run.repository}/manifests/${tag}`;
  const reply = await send(client, method, path);
  if (reply === null) return false;
  const found = reply.status === 404 ? null : headerOf(reply, "docker-content-digest");
  if (reply.status !== 200 && reply.status !== 404) return refused(client, method, path, reply);
  if (method === "GET" && found !== null && digestOf(reply.body) !== found) {
    run.violations.push(`${method} ${path}: the bytes are not those of ${found}`);
  }
  if (staleMs > 0) run.remembered.set(tag, { found, at: performance.now() });
  book(client, [tag], begun, { kind: "read", found });
  return true;
}

/** Moves tags to an image that nobody pushed before. `from`: what they must point to (null: nothing). */
async function push(
  client: Client,
  tags: readonly string[],
  from: TagValue | undefined,
  byDigest: boolean,
): Promise<boolean> {
  const { run } = client;
  const image = freshImage(run);
  const distinct = [...new Set(tags)];
  const query = distinct.map((tag) => `tag=${tag}`).join("&");
  const reference = byDigest ? `${image.digest}?${query}` : tags[0];
  const path = `/v2/${run.repository}/manifests/${reference}`;
  const begun = run.place++;
  const reply = await send(client, "PUT", path, {
    headers: {
      "content-type": imageType,
      "content-length": `${image.text.length}`,
      ...(from === undefined
        ? {}
        : from === null
          ? { "if-none-match": "*" }
          : { "if-match": from }),
    },
    body: image.text,
  });
  const write: Action = { kind: "write", value: image.digest, from };
  if (reply?.status === 201) {
    run.pushed.add(image.digest);
    book(client, distinct, begun, write);
    return true;
  }
  if (reply?.status === 412 && from !== undefined) {
    book(client, distinct, begun, { kind: "read", found: foundBy(reply) });
    return true;
  }
  if (reply === null || reply.status >= 500) leaveOpen(client, distinct, begun, write);
  return reply !== null && refused(client, "PUT", path, reply);
}

async function remove(client: Client, tag: string): Promise<boolean> {
  const { run } = client;
  const path = `/v2/${run.repository}/manifests/${tag}`;
  const begun = run.place++;
  const reply = await send(client, "DELETE", path);
  if (reply?.status === 202) book(client, [tag], begun, { kind: "delete" });
  else if (reply?.status === 404) book(client, [tag], begun, { kind: "read", found: null });
  else {
    if (reply === null || reply.status >= 500) leaveOpen(client, [tag], begun, { kind: "delete" });
    return reply !== null && refused(client, "DELETE", path, reply);
  }
  return true;
}

/** What the refusal of a condition says that the tag points to. */
function foundBy(reply: Reply): TagValue {
  const { errors } = JSON.parse(reply.body.toString()) as {
    errors: { detail: { digest: string | null } }[];
  };
  return errors[0]?.detail.digest ?? null;
}

function freshImage(run: Run): Image {
  const [config, layer] = run.blobs as [Content, Content];
  const plain = imageOf(config, [layer]);
  const text = plain.text.replace(/\}$/, `,"annotations":{"test.number":"${run.written++}"}}`);
  return { ...plain, text, digest: digestOf(text) };
}

function book(client: Client, tags: readonly string[], begun: number, action: Action): void {
  const { run, number, seen } = client;
  const ended = run.place++;
  for (const tag of tags) {
    run.histories.get(tag)?.push({ client: number, begun, ended, action });
    if (action.kind === "read") seen.set(tag, action.found);
    else seen.set(tag, action.kind === "write" ? action.value : null);
  }
  run.counts.operations++;
}

function leaveOpen(client: Client, tags: readonly string[], begun: number, action: Action): void {
  const ended = Number.POSITIVE_INFINITY;
  for (const tag of tags) {
    client.run.histories.get(tag)?.push({ client: client.number, begun, ended, action });
  }
  client.run.counts.unanswered++;
}

function refused(client: Client, method: string, path: string, reply: Reply): false {
  const { options, violations, counts } = client.run;
  if (options.excused?.includes(reply.status)) {
    counts.refused[reply.status] = (counts.refused[reply.status] ?? 0) + 1;
  } else {
    violations.push(`${method} ${path}: ${reply.status} ${reply.body.toString().slice(0, 300)}`);
  }
  return false;
}

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** The answer; null when the connection broke or nothing came in time. Nothing is ever sent twice. */
async function send(
  client: Client,
  method: string,
  path: string,
  { headers = {}, body }: Sent = {},
): Promise<Reply | null> {
  const { run, random, connections } = client;
  const { ports, patienceMs = patienceMsDefault, isFaulty = false } = run.options;
  const which = random.below(ports.length);
  let connection = connections[which] ?? null;
  const begun = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    if (connection === null || !connection.isOpen) {
      connection = await connect(ports[which] ?? 0);
      connections[which] = connection;
    }
    const { promise: silence, reject } = Promise.withResolvers<never>();
    timer = setTimeout(() => reject(new Error(`no answer in ${patienceMs} ms`)), patienceMs);
    const answered = connection.request(head(method, path, headers), {
      ...(body === undefined ? {} : { body: [Buffer.from(body)] }),
      keepBody: true,
    });
    const reply = await Promise.race([answered, silence]);
    run.counts.slowestMs = Math.max(run.counts.slowestMs, performance.now() - begun);
    return reply;
  } catch (error) {
    connection?.close();
    if (!isFaulty) run.violations.push(`${method} ${path}: ${(error as Error).message}`);
    return null;
  } finally {
    clearTimeout(timer);
  }
}
