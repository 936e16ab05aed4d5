import { isDigest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isIndexMediaType } from "../oci/media-type.ts";
import { ClientError } from "./client-error.ts";
import type { ImageSource } from "./image-store.ts";
import { isRecord, type JsonRecord } from "./json-file.ts";
import { formatPlatform, isPlatform, type Platform, platformOf } from "./platform.ts";
import { digestOfBytes, type StoredManifest } from "./stored-manifest.ts";

/** Bytes of a config that is read for its platform. */
const configBytesMax = 16 * 1024 * 1024;

/**
 * What of an image is for these platforms: of one the image itself, of several an index of them alone,
 * which has a digest of its own. Without any it is the whole. Throws `ClientError` where one is missing.
 */
export async function choosePlatforms(
  source: ImageSource,
  root: StoredManifest,
  wanted: readonly Platform[],
): Promise<StoredManifest> {
  if (wanted.length === 0) return root;
  if (!isIndexMediaType(root.mediaType)) return await checkImage(source, root, wanted);
  const body = JSON.parse(Buffer.from(root.bytes).toString("utf8")) as JsonRecord;
  const entries = Array.isArray(body["manifests"]) ? body["manifests"].filter(isRecord) : [];
  const chosen = wanted.map((platform) => {
    const found = entries.find((entry) => {
      const has = platformOf(entry["platform"]);
      return has !== null && isPlatform(has, platform);
    });
    if (found === undefined)
      throw missing(
        source,
        platform,
        entries.map(({ platform: p }) => p),
      );
    return found;
  });
  const [first] = chosen;
  const digest = String(first?.["digest"]);
  if (wanted.length === 1 && isDigest(digest)) {
    const stored = await source.manifest(digest);
    if (stored === null) throw new ClientError(`${source.name} lacks ${digest}`, 404);
    return stored;
  }
  const digests = new Set(chosen.map((entry) => entry["digest"]));
  const kept = entries.filter((entry) => digests.has(entry["digest"]) || isAbout(entry, digests));
  if (kept.length === entries.length) return root;
  const bytes = new Uint8Array(Buffer.from(JSON.stringify({ ...body, manifests: kept })));
  return { digest: digestOfBytes(bytes, "sha256"), mediaType: root.mediaType, bytes };
}

/** BuildKit's attestations are entries of their own, which name the image that they are about. */
function isAbout(entry: JsonRecord, digests: ReadonlySet<unknown>): boolean {
  const { annotations } = entry;
  return isRecord(annotations) && digests.has(annotations["vnd.docker.reference.digest"]);
}

async function checkImage(
  source: ImageSource,
  root: StoredManifest,
  wanted: readonly Platform[],
): Promise<StoredManifest> {
  const manifest = parseManifest(root.bytes, root.mediaType);
  const config = manifest.kind === "image" ? manifest.config : null;
  const has = config === null ? null : await platformOfConfig(source, config);
  for (const platform of wanted) {
    if (has === null || !isPlatform(has, platform)) throw missing(source, platform, [has]);
  }
  return root;
}

async function platformOfConfig(
  source: ImageSource,
  { digest, size }: { readonly digest: StoredManifest["digest"]; readonly size: number },
): Promise<Platform | null> {
  if (size > configBytesMax) return null;
  const blob = { digest, sizeBytes: size };
  const stream = await source.blob(blob, 0, AbortSignal.timeout(60_000));
  try {
    return platformOf(JSON.parse(await Bun.readableStreamToText(stream)));
  } catch {
    return null;
  }
}

function missing(source: ImageSource, wanted: Platform, found: readonly unknown[]): ClientError {
  const names = found.flatMap((value) => {
    const platform = platformOf(value);
    return platform === null || platform.os === "unknown" ? [] : [formatPlatform(platform)];
  });
  const what = names.length === 0 ? "" : `: it has ${names.join(", ")}`;
  return new ClientError(`${source.name} has no ${formatPlatform(wanted)}${what}`, 404);
}
