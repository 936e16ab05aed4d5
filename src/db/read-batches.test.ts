import { expect, test } from "bun:test";
import { DatabaseAwayError, isAway } from "./database-away.ts";
import { batchedRead } from "./read-batches.ts";

const text = "select name from things where id = ?1";

/** Statements that were sent, each answered when the test says so. */
function server() {
  const sent: { text: string; values: readonly unknown[] }[] = [];
  const answers: PromiseWithResolvers<readonly unknown[]>[] = [];
  const send = (statement: string, values: readonly unknown[]) => {
    const answer = Promise.withResolvers<readonly unknown[]>();
    sent.push({ text: statement, values });
    answers.push(answer);
    return answer.promise;
  };
  const answer = async (at: number, rows: readonly unknown[]) => {
    answers[at]?.resolve(rows);
    await Bun.sleep(0);
  };
  const fail = async (at: number, error: Error) => {
    answers[at]?.reject(error);
    await Bun.sleep(0);
  };
  return { sent, send, read: batchedRead<{ name: string }>(text, send), answer, fail };
}

test("a read that comes alone is sent at once, as it is", async () => {
  const { sent, read, answer } = server();
  const found = read("a");
  expect(sent).toEqual([{ text: "select name from things where id = $1", values: ["a"] }]);
  await answer(0, [{ name: "A" }]);
  expect(await found).toEqual({ name: "A" });
});

test("reads that come meanwhile go together, and each gets its own row", async () => {
  const { sent, read, answer } = server();
  const first = read("a");
  const others = [read("b"), read("c"), read("b"), read("d")];
  expect(sent).toHaveLength(1);
  await answer(0, []);
  expect(await first).toBeNull();
  expect(sent).toHaveLength(2);
  expect(sent[1]?.values).toEqual([["b", "c", "d"]]);
  await answer(1, [
    { batch_position: 3, name: "D" },
    { batch_position: 1, name: "B" },
  ]);
  expect(await Promise.all(others)).toEqual([{ name: "B" }, null, { name: "B" }, { name: "D" }]);
});

test("reads that come before the first is sent go with it", async () => {
  const { sent, send, answer } = server();
  const read = batchedRead<{ name: string }>(text, send, setImmediate);
  const all = [read("a"), read("b")];
  expect(sent).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.map(({ values }) => values)).toEqual([[["a", "b"]]]);
  await answer(0, [{ batch_position: 2, name: "B" }]);
  expect(await Promise.all(all)).toEqual([null, { name: "B" }]);
});

test("a read never gets what was sent before it began", async () => {
  const { read, answer } = server();
  const before = read("a");
  const after = read("a");
  await answer(0, [{ name: "old" }]);
  await answer(1, [{ name: "new" }]);
  expect(await before).toEqual({ name: "old" });
  expect(await after).toEqual({ name: "new" });
});

test("many that wait do not wait for one that takes long", async () => {
  const { sent, read, answer } = server();
  const slow = read("slow");
  const others = Array.from({ length: 20 }, (_, index) => read(`${index}`));
  expect(sent).toHaveLength(2);
  await answer(1, [{ batch_position: 1, name: "0" }]);
  await answer(2, [{ batch_position: 4, name: "19" }]);
  expect((await Promise.all(others)).filter((row) => row !== null)).toHaveLength(2);
  await answer(0, []);
  expect(await slow).toBeNull();
});

test("what is wrong with one is not told to the others", async () => {
  const { sent, read, answer, fail } = server();
  const first = read("a");
  const good = read("good");
  const bad = Promise.resolve(read("bad")).catch((error: Error) => error.message);
  await answer(0, []);
  await fail(1, new Error("one of them"));
  expect(sent.slice(2).map(({ values }) => values)).toEqual([["good"], ["bad"]]);
  await answer(2, [{ name: "Good" }]);
  await fail(3, new Error("the bad one"));
  expect(await first).toBeNull();
  expect(await good).toEqual({ name: "Good" });
  expect(await bad).toBe("the bad one");
});

test("that the server is away is told to all, and nobody asks it again", async () => {
  const { sent, read, answer, fail } = server();
  void read("a");
  const others = [read("b"), read("c")].map((row) => Promise.resolve(row).catch(isAway));
  await answer(0, []);
  await fail(1, new DatabaseAwayError(null));
  expect(await Promise.all(others)).toEqual([true, true]);
  expect(sent).toHaveLength(2);
});

test("parameters that are no texts go alone", async () => {
  const { sent, read } = server();
  void read("a");
  void read(1);
  expect(sent.map(({ values }) => values)).toEqual([["a"], [1]]);
});
