import { type Digest, isDigest } from "../oci/digest.ts";
import { isTag } from "../oci/tag.ts";
import { ClientError } from "./client-error.ts";
import { type HostAddress, parseHost } from "./host-address.ts";

/** Where an image is, as people write it. */
export type ImagePlace =
  | ({ readonly kind: "registry" } & RegistryPlace)
  | { readonly kind: FileKind; readonly path: string; readonly name: string | null };

type FileKind = "layout" | "oci-archive" | "docker-archive";

export interface RegistryPlace {
  readonly address: HostAddress;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

/** As skopeo and podman write them. */
const prefixes: Readonly<Record<string, FileKind>> = {
  oci: "layout",
  "oci-archive": "oci-archive",
  "docker-archive": "docker-archive",
};

const namePattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * Reads `registry.example/team/app:v1`, `.../app@sha256:...`, `oci:folder:name`, `oci-archive:file.tar:name`,
 * `docker-archive:file.tar:name`. What names no host is at `home`. Throws `ClientError` (400).
 */
export function parseImagePlace(text: string, home: HostAddress | null): ImagePlace {
  const [, prefix = "", rest = ""] = /^([a-z-]+):(?!\/\/)(.*)$/s.exec(text) ?? [];
  const kind = Object.hasOwn(prefixes, prefix) ? prefixes[prefix] : undefined;
  if (kind === undefined) return { kind: "registry", ...parseRegistryPlace(text, home) };
  const [, path = "", name = ""] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (path === "") throw invalid(text, "names no path");
  return { kind, path, name: name === "" ? null : name };
}

/** The same for what must be in a registry. */
export function parseRegistryPlace(given: string, home: HostAddress | null): RegistryPlace {
  const text = given.replace(/^docker:\/\//, "");
  const [, named = "", at] = /^(.*?)(?:@(.*))?$/s.exec(text) ?? [];
  if (at !== undefined && !isDigest(at)) throw invalid(given, "must have a digest behind @");
  const { address, path } = splitHost(named, given, home);
  const [, repository = "", tag = null] = /^(.*?)(?::([^/:]*))?$/s.exec(path) ?? [];
  if (!namePattern.test(repository)) throw invalid(given, "names no repository");
  if (tag !== null && !isTag(tag)) throw invalid(given, `has a tag that may not be: ${tag}`);
  const isShort = address.host === "docker.io" && !repository.includes("/");
  return {
    address,
    repository: isShort ? `library/${repository}` : repository,
    tag,
    digest: at ?? null,
  };
}

/** By docker's rule: what has a dot or a port in its first part, or is `localhost`, begins with a host. */
function splitHost(text: string, given: string, home: HostAddress | null) {
  const [, scheme = "", name = ""] = /^(https?:\/\/)?(.*)$/s.exec(text) ?? [];
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  if (scheme !== "" || /[.:]/.test(first) || first === "localhost") {
    const address = parseHost(scheme + first);
    if (address === null) throw invalid(given, "names no host");
    return { address, path: name.slice(slash + 1) };
  }
  if (home !== null) return { address: home, path: name };
  throw invalid(given, "names no host: write docker.io/library/alpine, or choose one with --host");
}

function invalid(text: string, rule: string): ClientError {
  return new ClientError(`${JSON.stringify(text.slice(0, 300))} ${rule}`, 400);
}
