import { readFileSync } from "node:fs";
import { readAtMost } from "../lib/read-at-most.ts";
import { UsageError } from "./command.ts";

/** All of standard input. */
export async function readStdin(bytesMax: number): Promise<string> {
  const bytes = await readAtMost(Bun.stdin.stream(), { bytesMax });
  if (typeof bytes === "string") {
    throw new UsageError(`Standard input is longer than ${bytesMax} bytes.`);
  }
  return Buffer.from(bytes).toString("utf8");
}

/** All of a file that the command line names, as `named` says it; `-` is standard input. */
export async function readNamedFile(path: string, bytesMax: number, named = path): Promise<string> {
  if (path === "-") return await readStdin(bytesMax);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UsageError(`${named} cannot be read: ${(error as { code?: string }).code}.`);
  }
  if (bytes.byteLength > bytesMax) {
    throw new UsageError(`${named} is larger than ${bytesMax} bytes.`);
  }
  return bytes.toString("utf8");
}
