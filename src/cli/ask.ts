import { createInterface } from "node:readline";
import { UsageError } from "./command.ts";
import { readStdin } from "./read-text.ts";

/** Bytes of standard input that are read for a password or a token. */
const secretBytesMax = 16 * 1024;

/** What is typed in a line; nothing where the input ends. Without a terminal a `UsageError` says `otherwise`. */
export async function askLine(question: string, otherwise: string): Promise<string> {
  assertTerminal(otherwise);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await new Promise<string>((resolve) => {
    lines.once("close", () => resolve(""));
    lines.question(question, resolve);
  });
  lines.close();
  return answer.trim();
}

/**
 * A secret that exists already, from a prompt that shows nothing, or, with `fromStdin`, all of standard input but a
 * line feed at its end. Never from the command line, which every process of the machine can read. `flag`: what is
 * asked for.
 */
export async function readSecret(
  prompt: string,
  fromStdin: boolean,
  flag = "password",
): Promise<string> {
  if (fromStdin) return (await readStdin(secretBytesMax)).replace(/\r?\n$/, "");
  assertTerminal(`There is no terminal to ask for the ${flag}: use --${flag}-stdin.`);
  return await readHidden(prompt);
}

/** The same of one that is new: a password that is typed is asked for twice. */
export async function readPassword(
  prompt: string,
  fromStdin: boolean,
  flag = "password",
): Promise<string> {
  const password = await readSecret(prompt, fromStdin, flag);
  if (fromStdin || !flag.endsWith("password")) return password;
  if ((await readHidden("Again: ")) !== password) {
    throw new UsageError("The two passwords are not the same.");
  }
  return password;
}

function assertTerminal(otherwise: string): void {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new UsageError(otherwise);
  }
}

function readHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  return new Promise((resolve) => {
    let text = "";
    const onData = (typed: string) => {
      for (const key of typed) {
        if (key === "\u0003") {
          stdin.setRawMode(false);
          process.exit(130);
        }
        if (key === "\r" || key === "\n" || key === "\u0004") {
          stdin.off("data", onData);
          stdin.setRawMode(false);
          stdin.pause();
          stderr.write("\n");
          resolve(text);
          return;
        }
        text = key === "\u007f" || key === "\b" ? text.slice(0, -1) : text + key;
      }
    };
    stdin.on("data", onData);
    stdin.resume();
  });
}
