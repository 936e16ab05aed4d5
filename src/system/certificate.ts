import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** When the first certificate of a PEM file ends, which is the server's own. Throws where it cannot be read. */
export function certificateEnd(path: string): number {
  return Date.parse(new X509Certificate(readFileSync(path)).validTo);
}
