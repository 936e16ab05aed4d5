import { renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { randomHex } from "../lib/random.ts";
import { endBytes, tarHeader } from "../lib/tar.ts";
import { paddingOf } from "../lib/tar-header.ts";
import { writeAll } from "./write-all.ts";

export interface TarFile {
  readonly path: string;
  readonly content: Blob;
}

/** Writes an archive, which is there as a whole or not at all. */
export async function writeTar(path: string, files: readonly TarFile[]): Promise<void> {
  const beside = `${path}.${randomHex(6)}`;
  const file = await open(beside, "w");
  try {
    for (const { path: name, content } of files) {
      await writeAll(file, tarHeader({ path: name, sizeBytes: content.size }));
      for await (const chunk of content.stream()) await writeAll(file, chunk);
      await writeAll(file, new Uint8Array(paddingOf(content.size)));
    }
    await writeAll(file, new Uint8Array(endBytes));
    await file.close();
    renameSync(beside, path);
  } catch (error) {
    await file.close().catch(() => {});
    rmSync(beside, { force: true });
    throw error;
  }
}
