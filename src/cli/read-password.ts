import { UsageError } from "./command.ts";

/** Bytes of standard input that are read for a password. */
const inputBytesMax = 8 * 1024;

/**
 * A password from a prompt that shows nothing, or, with `fromStdin`, all of standard input but a line
 * feed at its end. Never from the command line, which every process of the machine can read.
 */
export async function readPassword(prompt: string, fromStdin: boolean): Promise<string> {
  if (fromStdin) return readAll();
  if (!process.stdin.isTTY) {
    throw new UsageError("There is no terminal to ask for the password: use --password-stdin.");
  }
  const password = await readHidden(prompt);
  if ((await readHidden("Again: ")) !== password) {
    throw new UsageError("The two passwords are not the same.");
  }
  return password;
}

async function readAll(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Bun.stdin.stream()) {
    length += chunk.byteLength;
    if (length > inputBytesMax) throw new UsageError("Standard input is too long for a password.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
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
