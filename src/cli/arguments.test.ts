import { describe, expect, test } from "bun:test";
import { parseArguments } from "./arguments.ts";
import { type Command, UsageError } from "./command.ts";

const run = async () => 0;
const serve: Command = { name: "serve", summary: "", flags: ["listen", "data"], run };
const verify: Command = { name: "verify", summary: "", flags: ["data", "repair"], run };
const print: Command = { name: "config print", summary: "", flags: [], run };
const help: Command = { name: "help", summary: "", flags: [], words: "[command]", run };
const commands = [serve, verify, print, help] as const;

function parse(line: string) {
  return parseArguments(line === "" ? [] : line.split(" "), [...commands]);
}

test.each([
  ["", serve, {}, []],
  ["--listen :5001", serve, { listen: ":5001" }, []],
  ["serve --listen=:5001 --data /d", serve, { listen: ":5001", data: "/d" }, []],
  ["verify --repair", verify, { repair: true }, []],
  ["config print", print, {}, []],
  ["help config print", help, {}, ["config", "print"]],
  ["-h", help, {}, []],
  ["verify --help", verify, { help: true }, []],
  ["serve --data=a=b", serve, { data: "a=b" }, []],
  ["serve --data -----BEGIN", serve, { data: "-----BEGIN" }, []],
])("berth %s", (line, command, flags, words) => {
  expect(parse(line)).toEqual({ command, flags, words } as ReturnType<typeof parse>);
});

describe("refuses", () => {
  test.each([
    ["verfy", "There is no command verfy; did you mean verify?"],
    ["config prnt", "There is no command config prnt; did you mean config print?"],
    ["config", "There is no command config; did you mean config print?"],
    ["frobnicate", "There is no command frobnicate; berth help lists them."],
    ["serve --lisen :1", "berth serve has no flag --lisen; did you mean --listen?"],
    ["serve --repair", "berth serve has no flag --repair."],
    ["serve -listen :1", "berth serve has no flag -listen; did you mean --listen?"],
    ["serve --listen", "--listen needs a value: --listen <address:port>."],
    ["serve --listen --data d", "--listen needs a value: --listen <address:port>."],
    ["verify --repair=yes", "--repair takes no value."],
    ["verify now", "berth verify takes no further words, and got now."],
  ])("berth %s", (line, message) => {
    expect(() => parse(line)).toThrow(new UsageError(message));
  });
});
