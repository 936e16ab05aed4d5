import { afterAll, beforeAll } from "bun:test";
import { digestOf, type Json } from "../support/images.ts";
import type { Answer } from "./answer.ts";
import { fuzz } from "./fuzz.ts";
import { known, type Pushed, pushed } from "./manifest-values.ts";
import { asHeader } from "./values.ts";
import { openWorld, repository, type World } from "./world.ts";

// Manifests that are right but for a place or a few: what is taken is stored byte for byte and refers to
// nothing that is not there; what is refused leaves nothing behind.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.end());

/** Manifests that were taken, which others may refer to. */
const taken = new Set<string>();

fuzz({
  name: "manifests",
  values: pushed,
  expects: ["201", "400", "404"],
  async run(push) {
    const path = `/v2/${repository}/manifests/${encodeURI(push.reference.toWellFormed())}${push.query}`;
    const type = push.contentType === null ? {} : { "content-type": asHeader(push.contentType) };
    const condition = Object.fromEntries(
      Object.entries(push.condition).map(([name, value]) => [name, asHeader(value)]),
    );
    const answer = await world.ask({
      method: "PUT",
      path,
      headers: { authorization: world.admin, ...type, ...condition },
      body: push.bytes,
      statesLength: push.statesLength,
    });
    if (answer.status === 201) await checkTaken(push, answer);
    else if (push.isPlain) throw new Error(`${path}: a plain manifest was refused: ${answer.body}`);
    return `${answer.status}`;
  },
});

async function checkTaken(push: Pushed, { headers }: Answer): Promise<void> {
  const { bytes, reference } = push;
  const algorithm = reference.startsWith("sha512:") ? "sha512" : "sha256";
  const digest = digestOf(bytes, algorithm);
  taken.add(digest);
  if (headers.get("docker-content-digest") !== digest)
    throw new Error(`taken as ${headers.get("docker-content-digest")}`);
  const manifest: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (typeof manifest !== "object" || manifest === null || Array.isArray(manifest))
    throw new Error("no object was taken");
  checkReferences(manifest as Json);
  for (const name of new Set([digest, reference])) {
    const read = await world.ask({
      method: "GET",
      path: `/v2/${repository}/manifests/${name}`,
      headers: { authorization: world.admin },
    });
    if (read.status !== 200)
      throw new Error(`${name} was taken, and is ${read.status} ${read.body}`);
    if (!Bun.deepEquals(read.bytes, bytes))
      throw new Error(`${name}: other bytes than were pushed`);
    const type = read.headers.get("content-type");
    const own = (manifest as Json)["mediaType"];
    if (typeof own === "string" && own !== "" && own.toLowerCase() !== type)
      throw new Error(`${own} was taken as ${type}`);
  }
}

/** Read as loosely as a client may: what is called config or layers by any reader is there. */
function checkReferences(manifest: Json): void {
  const { config, layers, manifests } = manifest;
  const isIndex = Array.isArray(manifests);
  for (const entry of [config, ...listOf(layers), ...listOf(manifests)]) {
    // What names no digest nobody reads as a descriptor.
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) continue;
    const { digest, mediaType } = entry as Json;
    if (typeof digest !== "string") continue;
    if (/nondistributable|foreign/.test(String(mediaType))) continue;
    if (isIndex ? known.has(digest) || taken.has(digest) : known.has(digest)) continue;
    throw new Error(`taken, and ${JSON.stringify(entry)} is not there`);
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
