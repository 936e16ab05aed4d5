import { assert } from "../../../src/lib/assert.ts";

/** What a tag points to; null where there is no such tag. */
export type TagValue = string | null;

/** What one client did with one tag, and learnt of it. No two writes of a history have the same value. */
export interface Operation {
  readonly client: number;
  /** Places in the one order of all events that the clients saw. */
  readonly begun: number;
  /** `Infinity` where nobody knows whether, or when, it was carried out. */
  readonly ended: number;
  readonly action: Action;
}

export type Action =
  /** Also a change that was refused because of what it found. */
  | { readonly kind: "read"; readonly found: TagValue }
  /** `from`: what the tag had to point to; undefined where that made no difference. */
  | { readonly kind: "write"; readonly value: string; readonly from: TagValue | undefined }
  /** Of a tag that was there. */
  | { readonly kind: "delete" };

/** Up to the end of this operation no order explains what was found by then and later. */
export interface Violation {
  readonly operation: Operation;
  /** What the tag may have pointed to before. */
  readonly possible: readonly TagValue[];
}

/** Histories that need more than this to be explained have more clients at once than this is made for. */
const explanationsMax = 200_000;
/** What a violation is told with: events before it, and operations in all. */
const toldBefore = 30;
const toldMax = 60;
/** Stands for the value of a write that nobody saw. */
const unseen = "a value that nobody saw";
/** Between the places of two events there is room for a thousand that follow from the later one. */
const justBefore = 2 ** -10;

/**
 * One way in which things may have happened up to now. Of the operations under way `done` has those that
 * took their effect already, as bits.
 */
interface Explanation {
  readonly value: TagValue;
  readonly done: bigint;
  /** Writes under way that nobody saw, of those that were needed for a delete. */
  readonly used: bigint;
  /** How many of the unanswered deletes, and of the unanswered writes that nobody saw, it needed so far. */
  readonly deletes: number;
  readonly writes: number;
}

/** An operation that must have happened between its begin and its end. */
interface Open {
  readonly operation: Operation;
  readonly bit: bigint;
  /** A write, whatever was there before, whose value nobody found. */
  readonly isUnseen: boolean;
}

/**
 * Whether one order of the operations, each somewhere between its begin and its end, explains every answer:
 * the search of Wing & Gong in the form that Lowe gave it ("Testing for linearizability", 2017), which
 * takes effects no earlier than an answer asks for them and remembers which ways it has been. Returns where
 * that fails first, or null.
 *
 * What was never answered may take effect at any later time, or never. Tried at every place, a handful of
 * these would make the search endless; but they are few cases: a write whose value was seen happened before
 * that, a delete matters only to who found nothing, and a write that nobody saw only to who deleted it.
 */
export function findViolation(
  operations: readonly Operation[],
  initial: TagValue = null,
): Violation | null {
  const { certain, spareDeletes, spareWrites } = sortOut(operations);
  const opens = new OpenOperations(foundUntil(certain));
  let spare = { deletes: 0, writes: 0 };
  let explanations: Explanation[] = [{ value: initial, done: 0n, used: 0n, deletes: 0, writes: 0 }];
  for (const event of eventsOf(certain)) {
    if (event.kind === "begin") {
      opens.add(event.operation);
      opens.now = event.at;
      explanations = explanations.map((each) => withReads(each, opens));
      continue;
    }
    spare = { deletes: before(spareDeletes, event.at), writes: before(spareWrites, event.at) };
    const open = opens.get(event.operation);
    opens.now = event.at;
    const next = explain(explanations, open, opens, spare);
    if (next.length === 0) {
      const possible = [...new Set(explanations.map(({ value }) => value))];
      return { operation: event.operation, possible };
    }
    explanations = next.map((each) => ({
      ...each,
      done: each.done & ~open.bit,
      used: each.used & ~open.bit,
    }));
    opens.remove(open);
  }
  return null;
}

/** The violation, with the operations around it and those that found later what was there then. */
export function tell(violation: Violation, operations: readonly Operation[]): string {
  const { operation, possible } = violation;
  const near = operations.filter(({ begun, ended, action }) => {
    const found = foundBy(action);
    if (begun > operation.ended) return found !== undefined && possible.includes(found);
    return (
      begun >= operation.begun - toldBefore ||
      (ended > operation.begun && ended !== Number.POSITIVE_INFINITY)
    );
  });
  const lines = near
    .sort((a, b) => a.begun - b.begun)
    .slice(0, toldMax)
    .map((each) => `${each === operation ? "> " : "  "}${line(each)}`);
  const values = possible.map((value) => value ?? "nothing").join(" or ");
  return `no order explains this; the tag pointed to ${values} before:\n${lines.join("\n")}`;
}

function line({ client, begun, ended, action }: Operation): string {
  const span = `${begun}-${ended === Number.POSITIVE_INFINITY ? "?" : ended}`;
  const name = (value: TagValue) => value ?? "nothing";
  switch (action.kind) {
    case "read":
      return `${span} client ${client} found ${name(action.found)}`;
    case "delete":
      return `${span} client ${client} deleted it`;
    case "write": {
      const from = action.from === undefined ? "" : ` in place of ${name(action.from)}`;
      return `${span} client ${client} wrote ${action.value}${from}`;
    }
  }
}

/** Every way in which `open` has taken its effect. */
function explain(
  from: readonly Explanation[],
  open: Open,
  opens: OpenOperations,
  spare: { readonly deletes: number; readonly writes: number },
): Explanation[] {
  const seen = new Best();
  const found: Explanation[] = [];
  const waiting: Explanation[] = [];
  const add = (explanation: Explanation) => {
    const full = withReads(explanation, opens);
    if (seen.improves(full)) waiting.push(full);
  };
  for (const explanation of from) add(explanation);
  for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
    if ((each.done & open.bit) !== 0n) {
      found.push(each);
      // Nobody saw it; but it may be the last one, there to be deleted by who comes later.
      if (!open.isUnseen || (each.used & open.bit) !== 0n) continue;
      if (each.value === null) add({ ...each, value: unseen, used: each.used | open.bit });
      if (!opens.hasDelete && spare.deletes === 0) continue;
    }
    assert(seen.size <= explanationsMax, "too many operations overlap to explain them");
    for (const next of nextOf(each, open, opens, spare)) add(next);
  }
  return seen.best(found);
}

/**
 * What may have happened next, on the way to `open`. A write that nobody saw may have stood before any
 * other change that does not ask what was there, and so it counts as done with the next of these; unless
 * it is needed later for a delete.
 */
function nextOf(
  each: Explanation,
  open: Open,
  opens: OpenOperations,
  spare: { readonly deletes: number; readonly writes: number },
): Explanation[] {
  if (opens.isWanted(each.value)) return [];
  const next: Explanation[] = [];
  let wantsNothing = false;
  let wantsSomething = false;
  const settled = each.done | opens.unseen;
  for (const { operation, bit, isUnseen } of opens.all) {
    if ((each.done & bit) !== 0n) continue;
    const { action } = operation;
    if (action.kind === "read") {
      if (action.found === null) wantsNothing = true;
    } else if (action.kind === "delete") {
      if (each.value === null) wantsSomething = true;
      else next.push({ ...each, value: null, done: settled | bit });
    } else if (action.from === undefined) {
      const used = isUnseen ? each.used | bit : each.used;
      if (!isUnseen || bit === open.bit) {
        next.push({ ...each, value: action.value, done: settled | bit, used });
      }
    } else if (action.from === each.value) {
      next.push({ ...each, value: action.value, done: each.done | bit });
    } else if (action.from === null) wantsNothing = true;
  }
  const helps = each.value === null ? settled !== each.done : wantsNothing;
  if (helps && each.deletes < spare.deletes) {
    next.push({ ...each, value: null, done: settled, deletes: each.deletes + 1 });
  }
  if (wantsSomething) {
    if (each.writes < spare.writes) {
      next.push({ ...each, value: unseen, done: settled, writes: each.writes + 1 });
    }
    for (const { bit, isUnseen } of opens.all) {
      if (!isUnseen || (each.used & bit) !== 0n) continue;
      next.push({ ...each, value: unseen, done: settled, used: each.used | bit });
    }
  }
  return next;
}

/** A read changes nothing: where it fits, nothing is lost by letting it happen. */
function withReads(explanation: Explanation, opens: OpenOperations): Explanation {
  let { done } = explanation;
  for (const { operation, bit } of opens.reads) {
    if (operation.action.kind === "read" && operation.action.found === explanation.value) {
      done |= bit;
    }
  }
  return done === explanation.done ? explanation : { ...explanation, done };
}

/** Of explanations that differ only in what they spent, those that spent the least. */
class Best {
  #spent = new Map<string, { deletes: number; writes: number }[]>();
  size = 0;

  /** False where one that is at least as good was there before. */
  improves(explanation: Explanation): boolean {
    const key = keyOf(explanation);
    const others = this.#spent.get(key) ?? [];
    if (others.some((other) => isAtMost(other, explanation))) return false;
    this.#spent.set(key, [...others.filter((other) => !isAtMost(explanation, other)), explanation]);
    this.size++;
    return true;
  }

  best(explanations: readonly Explanation[]): Explanation[] {
    return explanations.filter((each) => this.#spent.get(keyOf(each))?.includes(each));
  }
}

function keyOf({ value, done, used }: Explanation): string {
  return `${done} ${used} ${value}`;
}

function isAtMost(
  one: { deletes: number; writes: number },
  other: { deletes: number; writes: number },
): boolean {
  return one.deletes <= other.deletes && one.writes <= other.writes;
}

class OpenOperations {
  /** The place of the event at hand. */
  now = 0;
  all: readonly Open[] = [];
  reads: readonly Open[] = [];
  /** The bits of the writes that nobody saw. */
  unseen = 0n;
  /** Whether a delete is under way. */
  hasDelete = false;
  #taken = 0n;
  readonly #open = new Map<Operation, Open>();
  readonly #foundUntil: ReadonlyMap<string, number>;

  constructor(found: ReadonlyMap<string, number>) {
    this.#foundUntil = found;
  }

  /** Whether an operation that has not begun yet finds this value: it must not be overwritten before. */
  isWanted(value: TagValue): boolean {
    return value !== null && (this.#foundUntil.get(value) ?? 0) > this.now;
  }

  add(operation: Operation): void {
    let bit = 1n;
    while ((this.#taken & bit) !== 0n) bit <<= 1n;
    const { action } = operation;
    const isUnseen =
      action.kind === "write" && action.from === undefined && !this.#foundUntil.has(action.value);
    this.#open.set(operation, { operation, bit, isUnseen });
    this.#list();
  }

  get(operation: Operation): Open {
    const open = this.#open.get(operation);
    assert(open !== undefined, "an operation ended that had not begun");
    return open;
  }

  remove({ operation }: Open): void {
    this.#open.delete(operation);
    this.#list();
  }

  #list(): void {
    this.all = [...this.#open.values()];
    this.reads = this.all.filter((open) => open.operation.action.kind === "read");
    this.hasDelete = this.all.some(({ operation }) => operation.action.kind === "delete");
    const bits = (opens: readonly Open[]) => opens.reduce((sum, { bit }) => sum | bit, 0n);
    this.#taken = bits(this.all);
    this.unseen = bits(this.all.filter(({ isUnseen }) => isUnseen));
  }
}

interface SortedOut {
  /** Operations that happened, with an end. */
  readonly certain: readonly Operation[];
  /** When unanswered deletes, and unanswered writes that nobody saw, had begun. */
  readonly spareDeletes: readonly number[];
  readonly spareWrites: readonly number[];
}

function sortOut(operations: readonly Operation[]): SortedOut {
  const seenAt = whenSeen(operations);
  const certain: Operation[] = [];
  const spareDeletes: number[] = [];
  const spareWrites: number[] = [];
  for (const operation of operations) {
    const { action } = operation;
    if (operation.ended !== Number.POSITIVE_INFINITY) {
      certain.push(operation);
    } else if (action.kind === "delete") {
      spareDeletes.push(operation.begun);
    } else if (action.kind === "write") {
      const ended = seenAt.get(action.value);
      if (ended !== undefined) {
        // Else it was seen before it began, which its reader cannot explain without it.
        if (ended > operation.begun) certain.push({ ...operation, ended: ended - justBefore });
      }
      // A write on top of another value makes no difference to who deletes.
      else if (action.from === undefined || action.from === null) spareWrites.push(operation.begun);
    }
  }
  const ascending = (a: number, b: number) => a - b;
  return {
    certain,
    spareDeletes: spareDeletes.sort(ascending),
    spareWrites: spareWrites.sort(ascending),
  };
}

/** The earliest end of an operation that shows that a value had been written. */
function whenSeen(operations: readonly Operation[]): Map<string, number> {
  const seenAt = new Map<string, number>();
  const writes = new Map<string, Operation>();
  const ring = new Set<string>();
  const see = (value: TagValue | undefined, at: number) => {
    if (value === null || value === undefined) return;
    if (at >= (seenAt.get(value) ?? Number.POSITIVE_INFINITY)) return;
    seenAt.set(value, at);
    // Who saw an unanswered write saw also what that one was made on top of. Swaps in a ring have no first.
    const write = writes.get(value);
    if (write?.ended !== Number.POSITIVE_INFINITY || write.action.kind !== "write") return;
    if (ring.has(value)) return;
    ring.add(value);
    see(write.action.from, at - justBefore);
    ring.delete(value);
  };
  for (const operation of operations) {
    const { action } = operation;
    if (action.kind !== "write") continue;
    assert(!writes.has(action.value), `${action.value} was written twice`);
    writes.set(action.value, operation);
  }
  for (const { action, ended } of operations) {
    if (ended === Number.POSITIVE_INFINITY) continue;
    if (action.kind === "read") see(action.found, ended);
    else if (action.kind === "write") see(action.from, ended);
  }
  return seenAt;
}

/** By value, when the last operation began that found it. */
function foundUntil(operations: readonly Operation[]): Map<string, number> {
  const last = new Map<string, number>();
  for (const { action, begun } of operations) {
    const found = foundBy(action);
    if (typeof found === "string") last.set(found, Math.max(begun, last.get(found) ?? 0));
  }
  return last;
}

function foundBy(action: Action): TagValue | undefined {
  if (action.kind === "read") return action.found;
  return action.kind === "write" ? action.from : undefined;
}

interface Event {
  readonly kind: "begin" | "end";
  readonly at: number;
  readonly operation: Operation;
}

function eventsOf(operations: readonly Operation[]): Event[] {
  const events = operations.flatMap((operation): Event[] => [
    { kind: "begin", at: operation.begun, operation },
    { kind: "end", at: operation.ended, operation },
  ]);
  return events.sort((a, b) => a.at - b.at);
}

/** How many of the ascending places come before `at`. */
function before(places: readonly number[], at: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
