import { join } from "node:path";

/** Where a person is: what they signed in to, and what their surroundings say. */
export interface Home {
  readonly folder: string;
  readonly env: Record<string, string>;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

const projectFolder = join(import.meta.dir, "..", "..");

/** The program as a process of its own, in that home and in no folder with data. */
export function startBerth({ folder, env }: Home, words: readonly string[], input = "") {
  return Bun.spawn([process.execPath, join(projectFolder, "src", "main.ts"), ...words], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      ...env,
    },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function berth(home: Home, words: readonly string[], input = ""): Promise<Ran> {
  const child = startBerth(home, words, input);
  const [out, errors, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { code, out, errors };
}
