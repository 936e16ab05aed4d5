import { digestOf } from "../support/images.ts";
import { leaseMs } from "./model.ts";
import type { Caller, Operation, UploadWay } from "./plan.ts";
import { type Blob, blobs, projectOf } from "./universe.ts";
import {
  type Answer,
  askWithin,
  blobPath,
  change,
  rightsOf,
  type Span,
  unexpected,
  type World,
  wasAllowed,
} from "./world.ts";

type Of<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

/** Uploads a blob in one of the ways that clients have. True: it is there. */
export async function pushBlob(
  world: World,
  by: Caller,
  { repository, blob: number, way }: Of<"push blob">,
): Promise<boolean> {
  const blob = blobs[number] as Blob;
  if (way === "post") return await postBlob(world, by, repository, blob);
  const what = `an upload to ${repository}`;
  const opened = await askWithin(world, by, "POST", `/v2/${repository}/blobs/uploads/`);
  if (!wasAllowed(world, what, by, repository, "push", opened.answer, opened.span)) return false;
  if (opened.answer.status !== 202) {
    unexpected(world, what, opened.answer);
    return false;
  }
  const location = opened.answer.headers.get("location") ?? "";
  const half = way === "put" ? 0 : blob.bytes.byteLength >> 1;
  const hasEnded = () => world.model.hasEnded(projectOf(repository), opened.span.from);
  // A day may go by before the answer is read.
  const touchedAt = world.target.now();
  if (half > 0) {
    const headers = { "content-range": `0-${half - 1}` };
    const body = blob.bytes.slice(0, half);
    const sent = await askWithin(world, by, "PATCH", location, { headers, body });
    if (!wasAllowed(world, what, by, repository, "push", sent.answer, sent.span)) return false;
    if (sent.answer.status === 404 && hasEnded()) return false;
    if (sent.answer.status !== 202) {
      unexpected(world, `a chunk of ${what}`, sent.answer);
      return false;
    }
  }
  const open = { repository, blob, number, location, half, touchedAt, way, hasEnded };
  return await endUpload(world, by, open);
}

interface Open {
  readonly repository: string;
  readonly blob: Blob;
  readonly number: number;
  readonly location: string;
  readonly half: number;
  /** No later than the half came in. */
  readonly touchedAt: number;
  readonly way: UploadWay;
  /** Its project went, and the upload with it. */
  hasEnded(): boolean;
}

async function endUpload(world: World, by: Caller, open: Open): Promise<boolean> {
  const { repository, blob, number, location, half, touchedAt, way, hasEnded } = open;
  const what = `the end of an upload to ${repository}`;
  const rest = blob.bytes.slice(half);
  switch (way) {
    case "leave":
      // One byte is told as none is: of so little nobody can say what was kept.
      if (half < 2) return false;
      world.model.leftUploads.push({
        ...{ repository, location, blob: number, by, acknowledged: half, sent: half },
        touchedAt,
        ...{ mayBeGone: hasEnded(), mayHaveEnded: false },
      });
      return false;
    case "cancel": {
      const ended = await askWithin(world, by, "DELETE", location);
      if (!wasAllowed(world, what, by, repository, "push", ended.answer, ended.span)) return false;
      if (ended.answer.status === 404 && hasEnded()) return false;
      if (ended.answer.status !== 204) unexpected(world, `a cancel in ${repository}`, ended.answer);
      return false;
    }
    case "wrong digest": {
      const other = digestOf(`not ${blob.digest}`);
      const path = `${location}?digest=${other}`;
      const { answer, span } = await askWithin(world, by, "PUT", path, { body: rest });
      if (!wasAllowed(world, what, by, repository, "push", answer, span)) return false;
      if (answer.status !== 400 && !(answer.status === 404 && hasEnded()))
        unexpected(world, `bytes of another digest in ${repository}`, answer);
      return false;
    }
    default: {
      const path = `${location}?digest=${blob.digest}`;
      let isAnswered = false;
      try {
        const isThere = await finish(world, by, repository, blob, "PUT", path, rest, hasEnded);
        isAnswered = true;
        return isThere;
      } finally {
        if (!isAnswered && half > 1) {
          world.model.leftUploads.push({
            ...{ repository, location, blob: number, by, touchedAt },
            ...{ acknowledged: half, sent: blob.bytes.byteLength },
            ...{ mayBeGone: hasEnded(), mayHaveEnded: true },
          });
        }
      }
    }
  }
}

async function postBlob(
  world: World,
  by: Caller,
  repository: string,
  blob: Blob,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`;
  return await finish(world, by, repository, blob, "POST", path, blob.bytes);
}

/** The request by which bytes become a blob. */
async function finish(
  world: World,
  by: Caller,
  repository: string,
  blob: Blob,
  method: "POST" | "PUT",
  path: string,
  body: Uint8Array<ArrayBuffer>,
  mayBeOver = () => false,
): Promise<boolean> {
  const { model, target } = world;
  const until = target.now() + leaseMs;
  const begun = model.begin([[model.blob(repository, blob.digest), true]]);
  const { answer, span, done } = await change(world, begun, [201], by, method, path, { body });
  const what = `pushing ${blob.bytes.byteLength} bytes to ${repository}`;
  if (done) model.lease(repository, blob.digest, until);
  if (!wasAllowed(world, what, by, repository, "push", answer, span)) return false;
  // It is gone, or held by what ends it.
  const isOver = [404, 409].includes(answer.status) && mayBeOver();
  if (!done && !isOver) unexpected(world, what, answer);
  return done;
}

/** Takes up what a client left, perhaps before a restart: where the registry says that it is. */
export async function goOnWithUpload(
  world: World,
  { which }: Of<"go on with upload">,
): Promise<void> {
  const { leftUploads } = world.model;
  const [left] = leftUploads.splice(which % Math.max(1, leftUploads.length), 1);
  if (left === undefined) return;
  const { repository, location } = left;
  const by = left.by as Caller;
  const what = `going on with an upload to ${repository}`;
  const asked = await askWithin(world, by, "GET", location);
  const isOld = () => left.mayBeGone || world.target.now() - left.touchedAt >= leaseMs;
  if (asked.answer.status === 404 && (left.mayBeGone || left.mayHaveEnded || isOld())) return;
  if (!wasAllowed(world, what, by, repository, "push", asked.answer, asked.span)) return;
  if (asked.answer.status !== 204) {
    unexpected(world, what, asked.answer);
    return;
  }
  const offset = offsetOf(asked.answer);
  // Killed between the bytes' move to their blob and its row: they are gone, and nobody heard of a blob.
  const mayLackBytes = left.mayBeGone || (left.mayHaveEnded && offset === 0);
  if (offset > left.sent || (offset < left.acknowledged && !mayLackBytes)) {
    world.violation(`${what}: it is at ${offset}, and ${left.acknowledged} was acknowledged`);
  }
  const blob = blobs[left.blob] as Blob;
  const end = `${location}?digest=${blob.digest}`;
  await finish(world, by, repository, blob, "PUT", end, blob.bytes.slice(offset), isOld);
}

function offsetOf({ headers }: Answer): number {
  const [, last = "0"] = (headers.get("range") ?? "").split("-");
  return last === "0" ? 0 : Number(last) + 1;
}

export async function mountBlob(
  world: World,
  by: Caller,
  { repository, blob: number, from }: Of<"mount">,
): Promise<void> {
  const { model, target } = world;
  const { digest } = blobs[number] as Blob;
  const until = target.now() + leaseMs;
  const begun = model.begin([[model.blob(repository, digest), true]]);
  const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
  const { answer, span, done } = await change(world, begun, [201], by, "POST", path);
  const what = `mounting from ${from} to ${repository}`;
  if (done) model.lease(repository, digest, until);
  if (!wasAllowed(world, what, by, repository, "push", answer, span)) return;
  const source = rightsOf(model, by, projectOf(from), "pull", span);
  if (done) {
    if (!model.mayHaveBlob(from, digest, span.from, span.to))
      world.violation(`${what}: what is not there was mounted`);
    if (!source.mayBeAllowed) world.violation(`${what} by ${by}, who may not pull there`);
    return;
  }
  if (answer.status !== 202) {
    unexpected(world, what, answer);
    return;
  }
  const isThere = !model.mayLackBlob(from, digest, span.from, span.to, target.now());
  if (isThere && !source.mayBeDenied) world.violation(`${what}: what is there was not mounted`);
  await askWithin(world, by, "DELETE", answer.headers.get("location") ?? "");
}

export async function readBlob(
  world: World,
  by: Caller,
  { kind, repository, blob: number }: Of<"head blob" | "get blob" | "delete blob">,
): Promise<boolean> {
  const { digest } = blobs[number] as Blob;
  const asked = world.target.now();
  const method = kind === "head blob" ? "HEAD" : "GET";
  const { answer, span } = await askWithin(world, by, method, blobPath(repository, digest));
  if (!wasAllowed(world, kind, by, repository, "pull", answer, span)) return false;
  checkBlob(world, { method, repository, digest, asked }, answer, span);
  return answer.status === 200;
}

export function checkBlob(
  { model, target, violation }: World,
  of: { method: "GET" | "HEAD"; repository: string; digest: string; asked: number },
  answer: Answer,
  span: Span,
): void {
  const { method, repository, digest, asked } = of;
  const what = `${method} of the blob ${digest} in ${repository}`;
  if (answer.status === 404) {
    if (!model.mayLackBlob(repository, digest, span.from, span.to, target.now()))
      violation(`${what}: it was lost`);
    return;
  }
  if (answer.status !== 200) {
    violation(`${what}: ${answer.status}`);
    return;
  }
  if (!model.mayHaveBlob(repository, digest, span.from, span.to))
    violation(`${what}: nobody gave it to this repository, or it was deleted`);
  if (method === "HEAD") {
    model.lease(repository, digest, asked + leaseMs / 2);
    model.blob(repository, digest).observe(true, span.from, span.to);
  } else if (digestOf(answer.bytes) !== digest) violation(`${what}: other bytes`);
}

export async function deleteBlob(
  world: World,
  by: Caller,
  { repository, blob: number }: Of<"head blob" | "get blob" | "delete blob">,
): Promise<void> {
  const { model } = world;
  const { digest } = blobs[number] as Blob;
  const begun = model.begin([[model.blob(repository, digest), false]]);
  const path = blobPath(repository, digest);
  const { answer, span, done } = await change(world, begun, [202], by, "DELETE", path);
  const what = `deleting a blob of ${repository}`;
  if (!wasAllowed(world, what, by, repository, "delete", answer, span)) return;
  if (done) {
    if (model.isHeld(repository, digest, span.from, span.to))
      world.violation(`${what}: a manifest refers to it`);
    return;
  }
  if (answer.status === 404) {
    if (!model.mayLackBlob(repository, digest, span.from, span.to, world.target.now()))
      world.violation(`${what}: ${digest} was lost`);
  } else if (answer.status !== 405 && answer.status !== 409) {
    unexpected(world, what, answer);
  }
}
