import { expect, test } from "bun:test";
import type { FamilyValues, Over } from "./metrics.ts";
import { countedBy, sumOf } from "./metrics-sum.ts";

function family(
  type: FamilyValues["type"],
  name: string,
  over: Over,
  ...lines: string[]
): FamilyValues {
  return { name, help: "", type, over, lines };
}

const linesOf = (families: readonly FamilyValues[]) => families.map(({ lines }) => lines.join(""));

test("values of several processes become one, each by its labels", () => {
  const one = [
    family("counter", "a_total", "sum", 'a_total{x="1 2"} 3\n', "", 'a_total{x="2"} 1\n'),
    family("gauge", "b", "max", "b 0\n"),
    family("gauge", "c", "own", "c 7\n"),
  ];
  const two = [
    family("counter", "a_total", "sum", 'a_total{x="1 2"} 4\n'),
    family("gauge", "b", "max", "b 1\n"),
    family("gauge", "c", "own", "c 9\n"),
    family("gauge", "d", "sum", "d 1\n"),
  ];
  expect(linesOf(sumOf([one, two]))).toEqual([
    'a_total{x="1 2"} 7\na_total{x="2"} 1\n',
    "b 1\n",
    "c 7\n",
    "d 1\n",
  ]);
  expect(sumOf([one])).toEqual(one);
});

test("what cannot be read in one process is not told as a number", () => {
  const sick = [family("gauge", "a", "sum", "a NaN\n")];
  expect(linesOf(sumOf([sick, [family("gauge", "a", "sum", "a 1\n")]]))).toEqual(["a NaN\n"]);
});

test("of a process that ended, counts stay and states go", () => {
  const of = [
    family("counter", "a_total", "sum", "a_total 3\n"),
    family("histogram", "h", "sum", 'h_bucket{le="+Inf"} 1\n'),
    family("gauge", "g", "sum", "g 1\n"),
  ];
  expect(countedBy(of).map(({ name }) => name)).toEqual(["a_total", "h"]);
});
