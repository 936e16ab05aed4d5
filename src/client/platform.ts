import { isRecord, type JsonRecord } from "./json-file.ts";

/** `linux/amd64`, `linux/arm/v7`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
}

/** Null for what names none. */
export function parsePlatform(text: string): Platform | null {
  const [, os, architecture, variant = null] =
    /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text) ?? [];
  return os === undefined || architecture === undefined ? null : { os, architecture, variant };
}

/** Of a config, or of an entry of an index; null where it says none. */
export function platformOf(value: unknown): Platform | null {
  if (!isRecord(value)) return null;
  const { os, architecture, variant } = value as JsonRecord;
  if (typeof os !== "string" || typeof architecture !== "string") return null;
  return { os, architecture, variant: typeof variant === "string" ? variant : null };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === null ? [] : [variant])].join("/");
}

/** arm64 is v8 whether that is said or not. A variant that was not asked for is as good as any. */
export function isPlatform(found: Platform, wanted: Platform): boolean {
  if (found.os !== wanted.os || found.architecture !== wanted.architecture) return false;
  const usual = found.architecture === "arm64" ? "v8" : null;
  return wanted.variant === null || (found.variant ?? usual) === wanted.variant;
}
