import { dockerArchiveTarget, ociArchiveTarget } from "./archive-target.ts";
import type { Connections } from "./connections.ts";
import { dockerArchiveSource } from "./docker-archive-source.ts";
import { openFolder, openTar } from "./file-tree.ts";
import type { ImagePlace, RegistryPlace } from "./image-place.ts";
import type { ImageSource, ImageTarget } from "./image-store.ts";
import { layoutSource } from "./layout-source.ts";
import { layoutTarget } from "./layout-target.ts";
import { registrySource } from "./registry-source.ts";
import { registryTarget } from "./registry-target.ts";
import { openRepository, type RemoteRepository } from "./remote-repository.ts";
import { openUploadNotes } from "./upload-notes.ts";

export async function repositoryAt(
  { address, repository }: RegistryPlace,
  connections: Connections,
  verbs: "pull" | "pull,delete" = "pull",
): Promise<RemoteRepository> {
  return openRepository(await connections.to(address, repository), repository, verbs);
}

export async function openSource(
  place: ImagePlace,
  connections: Connections,
): Promise<ImageSource> {
  switch (place.kind) {
    case "registry": {
      const { address, repository } = place;
      return registrySource(
        `${address.host}/${repository}`,
        await repositoryAt(place, connections),
      );
    }
    case "layout":
      return layoutSource(openFolder(place.path));
    case "oci-archive":
      return layoutSource(openTar(place.path));
    case "docker-archive":
      return dockerArchiveSource(place.path, connections.env.cacheFolder);
  }
}

/** `source`: where blobs come from, which the same registry need not be sent. */
export async function openTarget(
  place: ImagePlace,
  source: ImagePlace,
  connections: Connections,
): Promise<ImageTarget> {
  switch (place.kind) {
    case "registry": {
      const { address, repository } = place;
      const mountsFrom =
        source.kind === "registry" &&
        source.address.host === address.host &&
        source.repository !== repository
          ? source.repository
          : null;
      const transport = await connections.to(address, repository);
      return registryTarget({
        name: `${address.host}/${repository}`,
        repository: openRepository(transport, repository, "pull,push", mountsFrom),
        mountsFrom,
        notes: openUploadNotes(connections.env.cacheFolder, transport.origin),
      });
    }
    case "layout":
      return layoutTarget(place.path);
    case "oci-archive":
      return ociArchiveTarget(place.path);
    case "docker-archive":
      return dockerArchiveTarget(place.path, place.name === null ? [] : [place.name]);
  }
}
