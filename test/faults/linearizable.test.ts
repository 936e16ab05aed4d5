import { describe, expect, test } from "bun:test";
import {
  type Action,
  findViolation,
  type Operation,
  type TagValue,
  tell,
} from "./support/linearizable.ts";
import { createRandom, type Random } from "./support/random.ts";

const never = Number.POSITIVE_INFINITY;
let clients = 0;

function at(begun: number, ended: number, action: Action): Operation {
  return { client: clients++, begun, ended, action };
}

const put = (value: string): Action => ({ kind: "write", value, from: undefined });
const swap = (from: TagValue, value: string): Action => ({ kind: "write", value, from });
const saw = (found: TagValue): Action => ({ kind: "read", found });
const remove: Action = { kind: "delete" };

/** Each action is over before the next begins. */
function inTurn(...actions: Action[]): Operation[] {
  return actions.map((action, i) => at(2 * i, 2 * i + 1, action));
}

describe("a history that one order explains", () => {
  const histories: Record<string, Operation[]> = {
    "nothing at all": [],
    "one after another": inTurn(saw(null), put("a"), saw("a"), put("b"), saw("b"), remove),
    "a deleted tag is not there": inTurn(put("a"), remove, saw(null), swap(null, "b"), saw("b")),
    "a read beside a write sees either": [
      at(0, 1, put("a")),
      at(2, 9, put("b")),
      at(3, 4, saw("a")),
      at(5, 6, saw("b")),
    ],
    "two writes at once take their effects in either order": [
      at(0, 10, put("a")),
      at(1, 11, put("b")),
      at(12, 13, saw("a")),
    ],
    "one of two swaps wins": [
      at(0, 1, put("a")),
      at(2, 5, swap("a", "b")),
      at(3, 6, saw("b")),
      at(7, 8, saw("b")),
    ],
    "a write that was not answered takes its effect late": [
      at(0, never, put("a")),
      ...[saw(null), put("b"), saw("b"), saw("a"), saw("a")].map((each, i) =>
        at(1 + 2 * i, 2 + 2 * i, each),
      ),
    ],
    "or never": [at(0, never, put("a")), at(1, 2, put("b")), at(3, 4, saw("b"))],
    "a delete that was not answered takes its effect late": [
      at(0, 1, put("a")),
      at(2, never, remove),
      at(3, 4, saw("a")),
      at(5, 6, put("b")),
      at(7, 8, saw(null)),
      at(9, 10, swap(null, "c")),
    ],
    "what nobody saw was deleted": [at(0, never, put("a")), at(1, 2, remove), at(3, 4, saw(null))],
    "unanswered swaps on top of each other": [
      at(0, never, put("a")),
      at(1, never, swap("a", "b")),
      at(2, never, swap("b", "c")),
      at(3, 4, saw(null)),
      at(5, 6, saw("c")),
    ],
  };
  test.each(Object.entries(histories))("%s", (_, history) => {
    expect(findViolation(history)).toBeNull();
  });
});

describe("a history that no order explains", () => {
  const histories: Record<string, Operation[]> = {
    "a write is not seen": inTurn(put("a"), saw(null)),
    "an older value is seen": inTurn(put("a"), put("b"), saw("a")),
    "a value is seen before it was written": [at(0, 1, saw("a")), at(2, 3, put("a"))],
    "what was seen is not there any more": [
      at(0, 1, put("a")),
      at(2, 20, put("b")),
      at(3, 4, saw("b")),
      at(5, 6, saw("a")),
    ],
    "two readers see two writes in different orders": [
      at(0, 20, put("a")),
      at(1, 21, put("b")),
      at(2, 3, saw("a")),
      at(4, 5, saw("b")),
      at(6, 7, saw("a")),
    ],
    "both swaps win": [at(0, 1, put("a")), at(2, 5, swap("a", "b")), at(3, 6, swap("a", "c"))],
    "a swap wins over what was not there": inTurn(put("a"), put("b"), swap("a", "c")),
    "two make the same tag": [at(0, 3, swap(null, "a")), at(1, 4, swap(null, "b"))],
    "a deleted tag is there": inTurn(put("a"), remove, saw("a")),
    "a tag is deleted twice": inTurn(put("a"), remove, remove),
    "one unanswered delete explains two losses": [
      at(0, 1, put("a")),
      at(2, never, remove),
      at(3, 4, saw(null)),
      at(5, 6, put("b")),
      at(7, 8, saw(null)),
    ],
    "a delete that has not begun yet explains nothing": [
      at(0, 1, put("a")),
      at(2, 3, saw(null)),
      at(4, never, remove),
    ],
    "an unanswered write explains one delete, not two": [
      at(0, never, put("a")),
      at(1, 2, remove),
      at(3, 4, remove),
    ],
    "an unanswered swap whose value was never there": [
      at(0, 1, put("a")),
      at(2, never, swap("b", "c")),
      at(3, 4, saw("c")),
    ],
    "an unanswered write is undone": [
      at(0, 1, put("a")),
      at(2, never, put("b")),
      at(3, 4, saw("b")),
      at(5, 6, saw("a")),
    ],
  };
  test.each(Object.entries(histories))("%s", (_, history) => {
    expect(findViolation(history)).not.toBeNull();
  });

  test("is told with what the tag may have been, and who found it later", () => {
    const history = inTurn(put("a"), put("b"), saw("b"), saw("a"), saw("b"));
    const violation = findViolation(history);
    expect(violation?.possible).toEqual(["a"]);
    const told = violation === null ? "" : tell(violation, history);
    expect(told).toContain("the tag pointed to a before");
    expect(told).toMatch(/> 2-3 client \d+ wrote b\n/);
    expect(told).toMatch(/ 6-7 client \d+ found a$/);
  });
});

test("the search agrees with trying every order", () => {
  const random = createRandom(20_261_128);
  let explained = 0;
  const rounds = 40_000;
  for (let round = 0; round < rounds; round++) {
    const history = smallHistory(random);
    const expected = isExplainedByTrying(history);
    expect(findViolation(history) === null, JSON.stringify(history)).toBe(expected);
    if (expected) explained++;
  }
  // Else the agreement would be about one kind only.
  expect(explained).toBeGreaterThan(rounds / 10);
  expect(explained).toBeLessThan((rounds * 9) / 10);
});

describe("a long history of 16 clients on 6 tags", () => {
  const random = createRandom(7);
  // One tag that all want at once, and five with some at a time.
  const histories = [0.5, 0.3, 0.3, 0.3, 0.3, 0.3].map((eager) =>
    honestHistory(random, { clients: 16, operations: 9_000, lost: 0.02, eager }),
  );

  test("is explained in seconds", () => {
    const begun = performance.now();
    for (const history of histories) expect(findViolation(history)).toBeNull();
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  test("and one read that is a little stale is found in it", () => {
    for (const history of histories) {
      const { stale, read } = withStaleRead(history, random);
      const violation = findViolation(stale);
      expect(violation).not.toBeNull();
      expect(violation?.operation.begun ?? 0).toBeLessThanOrEqual(read.ended);
    }
  });
});

/** A register that works: each operation takes its effect at some place between its begin and its end. */
function honestHistory(
  random: Random,
  size: { clients: number; operations: number; lost: number; eager: number },
): Operation[] {
  let value: TagValue = null;
  let place = 0;
  let written = 0;
  const history: Operation[] = [];
  const running: { client: number; begun: number; action: Action | null }[] = [];
  while (history.length < size.operations || running.length > 0) {
    const idle = running.length < size.clients && history.length < size.operations;
    if (idle && random.chance(size.eager)) {
      running.push({ client: running.length, begun: place++, action: null });
      continue;
    }
    if (running.length === 0) continue;
    const one = random.pick(running);
    if (one.action === null) {
      [one.action, value] = act(random, value, () => `v${written++}`);
      continue;
    }
    running.splice(running.indexOf(one), 1);
    const isLost = one.action.kind !== "read" && random.chance(size.lost);
    const { client, begun, action } = one;
    history.push({ client, begun, ended: isLost ? never : place++, action });
  }
  return history;
}

function act(random: Random, value: TagValue, fresh: () => string): [Action, TagValue] {
  const dice = random.below(100);
  if (dice < 50) return [saw(value), value];
  if (dice < 60) return value === null ? [saw(null), null] : [remove, null];
  const next = fresh();
  return [dice < 80 ? put(next) : swap(value, next), next];
}

/** The same with one read that shows what was there some twenty writes before it began. */
function withStaleRead(history: readonly Operation[], random: Random) {
  const writes = history.filter(({ action, ended }) => action.kind === "write" && ended !== never);
  const reads = history.filter(({ action, begun }) => {
    return action.kind === "read" && writes.filter(({ ended }) => ended < begun).length > 50;
  });
  const read = random.pick(reads);
  const old = writes.filter(({ ended }) => ended < read.begun).at(-20)?.action;
  const found = old?.kind === "write" ? old.value : null;
  const stale = history.map((each) => (each === read ? { ...read, action: saw(found) } : each));
  return { stale, read };
}

function smallHistory(random: Random): Operation[] {
  const values = ["a", "b", "c"];
  const written = new Set<string>();
  const places = Array.from({ length: 12 }, (_, i) => i);
  const take = () => places.splice(random.below(places.length), 1)[0] ?? 0;
  return Array.from({ length: 2 + random.below(5) }, (_, client) => {
    const [begun, ended] = [take(), take()].sort((a, b) => a - b) as [number, number];
    const seen = random.pick([null, ...values]);
    const fresh = values.find((value) => !written.has(value));
    const dice = random.below(10);
    let action: Action = saw(seen);
    if (dice < 2) action = remove;
    else if (dice < 6 && fresh !== undefined) {
      written.add(fresh);
      action = dice < 4 ? put(fresh) : swap(seen === fresh ? null : seen, fresh);
    }
    const isLost = action.kind !== "read" && random.chance(0.3);
    return { client, begun, ended: isLost ? never : ended, action };
  });
}

/** Depth first through all orders, with every unanswered operation at every place or at none. */
function isExplainedByTrying(history: readonly Operation[], value: TagValue = null): boolean {
  const pending = history.filter(({ ended }) => ended !== never);
  if (pending.length === 0) return true;
  const firstEnd = Math.min(...pending.map(({ ended }) => ended));
  return history.some((operation) => {
    if (operation.begun > firstEnd) return false;
    const next = effect(operation.action, value);
    if (next === undefined) return false;
    return isExplainedByTrying(
      history.filter((other) => other !== operation),
      next,
    );
  });
}

/** What the tag points to afterwards; undefined where the answer does not fit. */
function effect(action: Action, value: TagValue): TagValue | undefined {
  if (action.kind === "read") return action.found === value ? value : undefined;
  if (action.kind === "delete") return value === null ? undefined : null;
  return action.from === undefined || action.from === value ? action.value : undefined;
}
