import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../oci/digest.ts";
import { readJsonFile, writeJsonFile } from "./json-file.ts";
import type { RemoteRepository, UploadState } from "./remote-repository.ts";
import { digestOfBytes } from "./stored-manifest.ts";

/** Where uploads were that did not end, so that another run can go on with them. */
export interface UploadNotes {
  /** One that the registry still has, and how far it is; null for none. */
  find(repository: RemoteRepository, digest: Digest): Promise<UploadState | null>;
  keep(repository: RemoteRepository, digest: Digest, location: string): void;
  drop(repository: RemoteRepository, digest: Digest): void;
}

/** A file for each, in a folder that is the user's alone: an address may let anybody go on with an upload. */
export function openUploadNotes(cacheFolder: string, origin: string): UploadNotes {
  const fileOf = ({ name }: RemoteRepository, digest: Digest) => {
    const key = digestOfBytes(Buffer.from(`${origin} ${name} ${digest}`), "sha256");
    return join(cacheFolder, "uploads", `${hexOf(key)}.json`);
  };
  return {
    async find(repository, digest) {
      const { location } = readJsonFile(fileOf(repository, digest));
      if (typeof location !== "string") return null;
      return await repository.uploadState(location).catch(() => null);
    },
    keep: (repository, digest, location) => writeJsonFile(fileOf(repository, digest), { location }),
    drop: (repository, digest) => rmSync(fileOf(repository, digest), { force: true }),
  };
}
