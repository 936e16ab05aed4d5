import { expect, test } from "bun:test";
import { answerText, listText } from "./answer-text.ts";

test("things within an answer are told without braces, each on its own line", () => {
  const grants = [
    { id: "g1", role: null, tags: [], because: "its time is over" },
    { id: "g2", role: "ci", tags: ["v*", "w*"], cidrs: [] },
  ];
  const text = answerText({ name: "a", grants, labels: { team: "x=y" }, note: {} }, null);
  expect(text.split("\n")).toEqual([
    "  name    a",
    '  grants  id=g1 because="its time is over"',
    "          id=g2 role=ci tags=v*,w*",
    '  labels  team="x=y"',
    "  note    -",
  ]);
  expect(listText([{ name: "a", grants }])).toBe(
    '  name  grants\n  a     id=g1 because="its time is over"; id=g2 role=ci tags=v*,w*',
  );
});

test("a secret that whoever asked knows already is no line", () => {
  expect(answerText({ password: null }, "password")).toBe("Done.");
  expect(answerText({ name: "a", password: null }, "password")).toBe("  name  a");
});
