import type { ImageSource } from "./image-store.ts";
import type { RemoteRepository } from "./remote-repository.ts";

export function registrySource(name: string, repository: RemoteRepository): ImageSource {
  return {
    name,
    manifest: (reference) => repository.manifest(reference ?? "latest"),
    referrers: (digest) => repository.referrers(digest),
    blob: ({ digest }, from, signal) => repository.blob(digest, from, signal),
    close() {},
  };
}
