import { excerpt, RegistryError } from "./registry-error.ts";

/**
 * The MANIFEST_INVALID for the value at `where` ("layers[3].size"; "" is the whole body), which
 * breaks `rule`. Its detail holds both, with the value cut to `excerptLengthMax`.
 */
export function manifestInvalid(where: string, rule: string, value?: unknown): RegistryError {
  const given = value === undefined ? undefined : excerpt(describe(value));
  return new RegistryError("MANIFEST_INVALID", {
    message: `invalid manifest: ${where === "" ? "" : `${where} `}${rule}`,
    detail: given === undefined ? { where } : { where, value: given },
  });
}

function describe(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}
