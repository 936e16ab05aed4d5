import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../oci/strict-json.ts";

/** A layer with the line of the build that made it, or a line that made none. */
export interface BuildLine {
  /** Null for a line that changed the configuration alone. */
  readonly layer: Descriptor | null;
  readonly createdBy: string | null;
  readonly created: string | null;
  readonly comment: string | null;
}

/** Lines of one image that are shown. */
const linesMax = 1_000;
/** Characters of one. */
const textLengthMax = 4_000;

/**
 * Layers in their order, each with its line of the configuration's `history` (image-spec config.md): lines
 * with `empty_layer` have none. A history that speaks of other numbers of layers is not relied on.
 */
export function buildLines(layers: readonly Descriptor[], config: JsonObject | null): BuildLine[] {
  const history = config === null ? undefined : config["history"];
  const entries = (isJsonArray(history) ? history : []).filter(isJsonObject);
  const withLayer = entries.filter((entry) => entry["empty_layer"] !== true);
  if (withLayer.length !== layers.length) {
    return layers.slice(0, linesMax).map((layer) => ({ ...nothing, layer }));
  }
  let at = 0;
  return entries.slice(0, linesMax).map((entry) => ({
    layer: entry["empty_layer"] === true ? null : (layers[at++] ?? null),
    createdBy: textOf(entry["created_by"]),
    created: createdOf(entry),
    comment: textOf(entry["comment"]),
  }));
}

const nothing = { createdBy: null, created: null, comment: null };

export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, textLengthMax) : null;
}

/** When an image or a layer was built; null where that is not said, for which tools in Go write the year 1. */
export function createdOf(config: JsonObject): string | null {
  const created = textOf(config["created"]);
  return created?.startsWith("0001-01-01T00:00:00") === true ? null : created;
}

/** The digests of the layers, each once. */
export function layerDigests(layers: readonly Descriptor[]): Digest[] {
  return [...new Set(layers.map(({ digest }) => digest))];
}
