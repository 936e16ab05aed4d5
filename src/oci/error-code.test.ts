import { expect, test } from "bun:test";
import { ERROR_CODES } from "./error-code.ts";

test("the fourteen codes of the distribution-spec are there, in its words", () => {
  const words = Object.entries(ERROR_CODES)
    .slice(0, 14)
    .map(([code, { message }]) => `${code}: ${message}`);
  expect(words).toEqual([
    "BLOB_UNKNOWN: blob unknown to registry",
    "BLOB_UPLOAD_INVALID: blob upload invalid",
    "BLOB_UPLOAD_UNKNOWN: blob upload unknown to registry",
    "DIGEST_INVALID: provided digest did not match uploaded content",
    "MANIFEST_BLOB_UNKNOWN: manifest references a manifest or blob unknown to registry",
    "MANIFEST_INVALID: manifest invalid",
    "MANIFEST_UNKNOWN: manifest unknown to registry",
    "NAME_INVALID: invalid repository name",
    "NAME_UNKNOWN: repository name not known to registry",
    "SIZE_INVALID: provided length did not match content length",
    "UNAUTHORIZED: authentication required",
    "DENIED: requested access to the resource is denied",
    "UNSUPPORTED: the operation is unsupported",
    "TOOMANYREQUESTS: too many requests",
  ]);
});

test("a code holds only capitals and underscores, and a status of an error", () => {
  for (const [code, { status }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[A-Z_]+$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
  }
});
