import { RegistryError } from "../oci/registry-error.ts";

/** The shapes of paths under `/v2/`. */
export type Pattern =
  | "/v2/"
  | "/v2/_catalog"
  | "/v2/<name>/tags/list"
  | "/v2/<name>/manifests/<reference>"
  | "/v2/<name>/blobs/<digest>"
  | "/v2/<name>/blobs/uploads/"
  | "/v2/<name>/blobs/uploads/<id>"
  | "/v2/<name>/referrers/<digest>";

export interface ParsedPath {
  readonly pattern: Pattern;
  /** Not yet checked; empty where the pattern has no name. */
  readonly name: string;
  readonly last: string;
}

/** Bytes of a request target that is looked at. */
const targetBytesMax = 8 * 1024;

// What a canonical path under /v2/ is made of. Anything else would have more than one spelling, and
// with it more than one reading: `%2f`, `//`, `;`, `\`, and all that is not ASCII.
const canonical = /^[A-Za-z0-9._:/+=@~!$&'()*,-]*$/;

/**
 * Reads the path from the right, since names contain `/` and may contain any of the words between
 * them: `a/manifests/b` is a name. Null when it has none of the shapes.
 */
export function parsePath(path: string): ParsedPath | null {
  if (path.length > targetBytesMax) {
    throw new RegistryError("UNSUPPORTED", {
      status: 414,
      message: `the path has ${path.length} bytes, at most ${targetBytesMax} are read`,
      detail: { bytes: path.length, max: targetBytesMax },
    });
  }
  if (!canonical.test(path) || path.includes("//")) {
    throw new RegistryError("NAME_INVALID", {
      message: "the path must be canonical: no percent-encoding, no empty component, plain ASCII",
      detail: { path: path.slice(0, 256) },
    });
  }
  if (path === "/v2/" || path === "/v2") return { pattern: "/v2/", name: "", last: "" };
  if (!path.startsWith("/v2/")) return null;
  if (path === "/v2/_catalog") return { pattern: "/v2/_catalog", name: "", last: "" };

  const slash = path.lastIndexOf("/");
  const last = path.slice(slash + 1);
  const before = path.slice(4, slash);
  const name = (suffix: string) => before.slice(0, before.length - suffix.length);
  if (before.endsWith("/manifests")) {
    return { pattern: "/v2/<name>/manifests/<reference>", name: name("/manifests"), last };
  }
  if (before.endsWith("/blobs/uploads")) {
    const pattern = last === "" ? "/v2/<name>/blobs/uploads/" : "/v2/<name>/blobs/uploads/<id>";
    return { pattern, name: name("/blobs/uploads"), last };
  }
  if (before.endsWith("/blobs")) {
    // Some clients leave out the slash at the end.
    if (last === "uploads") {
      return { pattern: "/v2/<name>/blobs/uploads/", name: name("/blobs"), last: "" };
    }
    return { pattern: "/v2/<name>/blobs/<digest>", name: name("/blobs"), last };
  }
  if (before.endsWith("/tags") && last === "list") {
    return { pattern: "/v2/<name>/tags/list", name: name("/tags"), last: "" };
  }
  if (before.endsWith("/referrers")) {
    return { pattern: "/v2/<name>/referrers/<digest>", name: name("/referrers"), last };
  }
  return null;
}
