import type { Model } from "./model.ts";
import type { Caller } from "./plan.ts";
import type { Begun } from "./register.ts";
import { projectOf } from "./universe.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

export type Body = string | Uint8Array<ArrayBuffer>;

/** Null: the operator, over the control socket. */
export type Asker = Caller | { readonly robot: string; readonly secret: string } | null;

/** Without secrets: each template has others. */
export function nameOf(by: Asker): string {
  if (by === null) return "operator";
  return typeof by === "string" ? by : by.robot;
}

/** A registry that is asked. A call never returns where the registry ended before it answered. */
export interface Target {
  ask(
    by: Asker,
    method: string,
    path: string,
    rest?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: Body },
  ): Promise<Answer>;
  /** Epoch milliseconds as the registry has them. */
  now(): number;
}

/** Who does things, what they know, and whom they tell of what must not be. */
export interface World {
  readonly target: Target;
  readonly model: Model;
  /** An invariant does not hold. */
  violation(text: string): void;
}

/** When something was asked and answered: ticks of the model. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type Action = "pull" | "push" | "delete";

const actionsOf: Readonly<Record<string, readonly Action[]>> = {
  reader: ["pull"],
  ci: ["pull", "push"],
  developer: ["pull", "push"],
  maintainer: ["pull", "push", "delete"],
  owner: ["pull", "push", "delete"],
};

/** Statuses by which rights are refused; what one may not see is answered as what is not there. */
const refusals = new Set([401, 403, 404]);

/**
 * Whether the answer goes with the rights of whoever asked: true where it says more than that they may not.
 * Told of a right that was used after it ended, or refused while it was there.
 */
export function wasAllowed(
  world: World,
  what: string,
  by: Caller,
  repository: string,
  action: Action,
  { status }: Answer,
  span: Span,
): boolean {
  const rights = rightsOf(world.model, by, projectOf(repository), action, span);
  if (!rights.mayBeAllowed) {
    if (!refusals.has(status)) world.violation(`${what} by ${by}, who may not: ${status}`);
    return false;
  }
  if (rights.mayBeDenied) return !refusals.has(status);
  // What is not there is answered like this to whoever does not say who they are.
  if (status === 401 && by !== "anonymous") world.violation(`${what} by ${by}, who may: ${status}`);
  return status !== 401;
}

export function rightsOf(
  model: Model,
  by: Caller,
  project: string,
  action: Action,
  { from, to }: Span,
): { readonly mayBeAllowed: boolean; readonly mayBeDenied: boolean } {
  const roles = model.role(project, by).possible(from, to);
  const isPublic = model.isPublic(project).possible(from, to);
  const enabled = model.enabled(by).possible(from, to);
  const gives = (role: unknown) =>
    typeof role === "string" && (actionsOf[role] ?? []).includes(action);
  return {
    mayBeAllowed:
      enabled.includes(true) &&
      (roles.some(gives) || (action === "pull" && isPublic.includes(true))),
    mayBeDenied:
      enabled.includes(false) ||
      (roles.some((role) => !gives(role)) && (action !== "pull" || isPublic.includes(false))),
  };
}

/** Asks, and says when: for what is only read. */
export async function askWithin(
  world: World,
  ...asked: Parameters<Target["ask"]>
): Promise<{ readonly answer: Answer; readonly span: Span }> {
  const from = world.model.tick();
  const answer = await world.target.ask(...asked);
  assertNoFault(world, `${asked[1]} ${asked[2]}`, answer);
  return { answer, span: { from, to: world.model.tick() } };
}

/** Asks for a change: `wrote` says by which statuses it happened; by any other it did not. */
export async function change(
  world: World,
  begun: Begun,
  wrote: readonly number[],
  ...asked: Parameters<Target["ask"]>
): Promise<{ readonly answer: Answer; readonly span: Span; readonly done: boolean }> {
  const { answer, span } = await askWithin(world, ...asked);
  const done = wrote.includes(answer.status);
  if (done) begun.done(span.to);
  else if (answer.status >= 500) begun.inDoubt(span.to);
  else begun.refused();
  return { answer, span, done };
}

function assertNoFault(world: World, what: string, { status, bytes }: Answer): void {
  if (status >= 500) world.violation(`${what}: ${status} ${textOf(bytes)}`);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function jsonOf<T>({ bytes }: Answer): T {
  return JSON.parse(textOf(bytes)) as T;
}

export function withBody(body: unknown) {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

export function unexpected(world: World, what: string, { status, bytes }: Answer): void {
  world.violation(`${what}: ${status} ${textOf(bytes).slice(0, 300)}`);
}

export function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`;
}

export function manifestPath(repository: string, reference: string): string {
  return `/v2/${repository}/manifests/${reference}`;
}

export function apiPath(repository: string, rest: string): string {
  return `/api/v1/repositories/${encodeURIComponent(repository)}${rest}`;
}
