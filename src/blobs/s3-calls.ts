import { type S3Client, S3Error, type S3Payload } from "./s3-client.ts";
import type { StagedPart } from "./s3-state.ts";
import { xmlElements, xmlText, xmlValue } from "./s3-xml.ts";

/** Objects in one call for deleting, and in a page of a list: what S3 takes at most. */
const batchMax = 1_000;
/** A list that never ends is a fault of the store. */
const pagesMax = 1_000_000;
/** S3 may put a large object together for minutes before it answers. */
const completeMsMax = 120_000;

export interface S3Encryption {
  readonly algorithm: "AES256" | "aws:kms";
  readonly keyId: string | null;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
}

export interface ListedUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** The operations of S3 that a blob store needs. Keys are those below the prefix. */
export interface S3Calls {
  put(key: string, body: S3Payload, sha256: string | null): Promise<void>;
  createMultipart(key: string): Promise<string>;
  uploadPart(key: string, uploadId: string, number: number, body: S3Payload): Promise<string>;
  copyPart(
    key: string,
    uploadId: string,
    number: number,
    source: string,
    range: string,
  ): Promise<string>;
  complete(key: string, uploadId: string, parts: readonly StagedPart[]): Promise<void>;
  /** What is not there is no error, here and below. */
  abort(key: string, uploadId: string): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  copy(key: string, source: string): Promise<void>;
  size(key: string): Promise<number | null>;
  /** Null when there is no such object. */
  get(key: string, range: string | null): Promise<Response | null>;
  /** The same for what is small: all of its bytes. */
  getWhole(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  list(prefix: string): AsyncGenerator<ListedObject>;
  listUploads(prefix: string): AsyncGenerator<ListedUpload>;
}

export function createS3Calls(
  client: S3Client,
  options: { bucket: string; prefix: string; encryption: S3Encryption | null },
): S3Calls {
  const { bucket, prefix } = options;
  const encrypted = encryptionHeaders(options.encryption);
  const at = (key: string) => prefix + key;
  const sourceOf = (key: string) => ({ "x-amz-copy-source": encodeURI(`/${bucket}/${at(key)}`) });

  const calls: S3Calls = {
    async put(key, body, sha256) {
      const checksum = sha256 === null ? {} : { "x-amz-checksum-sha256": sha256 };
      const headers = { "content-type": "application/octet-stream", ...encrypted, ...checksum };
      await client.send({ method: "PUT", key: at(key), headers, body });
    },

    async createMultipart(key) {
      const headers = { "content-type": "application/octet-stream", ...encrypted };
      const query = { uploads: "" };
      const text = await client.sendForText({ method: "POST", key: at(key), query, headers });
      return expected(xmlValue(text, "UploadId"), "UploadId");
    },

    async uploadPart(key, uploadId, number, body) {
      const query = { partNumber: `${number}`, uploadId };
      const answer = await client.send({ method: "PUT", key: at(key), query, body });
      return expected(answer.headers.get("etag"), "ETag");
    },

    async copyPart(key, uploadId, number, source, range) {
      const query = { partNumber: `${number}`, uploadId };
      const headers = { ...sourceOf(source), "x-amz-copy-source-range": range };
      const text = await client.sendForText({ method: "PUT", key: at(key), query, headers });
      return expected(xmlValue(text, "ETag"), "ETag");
    },

    async complete(key, uploadId, parts) {
      const listed = parts.map(
        ({ etag }, i) =>
          `<Part><PartNumber>${i + 1}</PartNumber><ETag>${xmlText(etag)}</ETag></Part>`,
      );
      await client.sendForText({
        method: "POST",
        key: at(key),
        query: { uploadId },
        headers: { "content-type": "application/xml" },
        body: `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`,
        answerMsMax: completeMsMax,
      });
    },

    async abort(key, uploadId) {
      const request = { method: "DELETE", key: at(key), query: { uploadId } } as const;
      await client.send(request).catch(unlessUnable);
    },

    async remove(keys) {
      for (let from = 0; from < keys.length; from += batchMax) {
        await removeBatch(keys.slice(from, from + batchMax));
      }
    },

    async copy(key, source) {
      const headers = { "content-type": "application/octet-stream", ...encrypted };
      const request = { method: "PUT", key: at(key), headers: { ...headers, ...sourceOf(source) } };
      await client.sendForText({ ...request, method: "PUT", answerMsMax: completeMsMax });
    },

    async size(key) {
      const answer = await client.send({ method: "HEAD", key: at(key) }).catch(unlessMissing);
      if (answer === null) return null;
      return Number(expected(answer.headers.get("content-length"), "Content-Length"));
    },

    async get(key, range) {
      const headers = range === null ? {} : { range };
      return await client.send({ method: "GET", key: at(key), headers }).catch(unlessMissing);
    },

    async getWhole(key) {
      return await client.sendForBytes({ method: "GET", key: at(key) }).catch(unlessMissing);
    },

    async *list(below) {
      for await (const xml of pages({ "list-type": "2", prefix: at(below) })) {
        for (const entry of xmlElements(xml, "Contents")) {
          const key = expected(xmlValue(entry, "Key"), "Key");
          const sizeBytes = Number(expected(xmlValue(entry, "Size"), "Size"));
          if (key.startsWith(prefix)) yield { key: key.slice(prefix.length), sizeBytes };
        }
      }
    },

    async *listUploads(below) {
      try {
        for await (const xml of pages({ uploads: "", prefix: at(below) })) {
          for (const entry of xmlElements(xml, "Upload")) {
            const key = expected(xmlValue(entry, "Key"), "Key");
            const uploadId = expected(xmlValue(entry, "UploadId"), "UploadId");
            if (key.startsWith(prefix)) yield { key: key.slice(prefix.length), uploadId };
          }
        }
      } catch (error) {
        unlessUnable(error);
      }
    },
  };
  return calls;

  async function removeBatch(keys: readonly string[]): Promise<void> {
    const [only] = keys;
    if (only === undefined) return;
    if (keys.length === 1) {
      await client.send({ method: "DELETE", key: at(only) }).catch(unlessMissing);
      return;
    }
    const objects = keys.map((key) => `<Object><Key>${xmlText(at(key))}</Key></Object>`);
    const body = `<Delete><Quiet>true</Quiet>${objects.join("")}</Delete>`;
    const md5 = new Bun.CryptoHasher("md5").update(body).digest("base64");
    const text = await client.sendForText({
      method: "POST",
      key: "",
      query: { delete: "" },
      headers: { "content-type": "application/xml", "content-md5": md5 },
      body,
    });
    for (const entry of xmlElements(text, "Error")) {
      const code = xmlValue(entry, "Code") ?? "";
      if (code === "NoSuchKey") continue;
      throw new S3Error(
        `DELETE ${xmlValue(entry, "Key")}: ${xmlValue(entry, "Message")}`,
        200,
        code,
      );
    }
  }

  async function* pages(query: Readonly<Record<string, string>>): AsyncGenerator<string> {
    let from: Record<string, string> = {};
    for (let page = 0; page < pagesMax; page++) {
      const asked = { ...query, ...from };
      const xml = await client.sendForText({ method: "GET", key: "", query: asked });
      yield xml;
      if (xmlValue(xml, "IsTruncated") !== "true") return;
      const token = xmlValue(xml, "NextContinuationToken");
      from =
        token !== null
          ? { "continuation-token": token }
          : {
              "key-marker": expected(xmlValue(xml, "NextKeyMarker"), "NextKeyMarker"),
              "upload-id-marker": xmlValue(xml, "NextUploadIdMarker") ?? "",
            };
    }
    throw new S3Error(`a list of ${bucket} has more than ${pagesMax} pages`, 0, "EndlessList");
  }
}

function encryptionHeaders(encryption: S3Encryption | null): Record<string, string> {
  if (encryption === null) return {};
  const { algorithm, keyId } = encryption;
  return {
    "x-amz-server-side-encryption": algorithm,
    ...(keyId === null ? {} : { "x-amz-server-side-encryption-aws-kms-key-id": keyId }),
  };
}

function unlessMissing(error: unknown): null {
  if (error instanceof S3Error && error.status === 404) return null;
  throw error;
}

/** Not every store can list or end unfinished uploads; its operator then has a rule for them. */
function unlessUnable(error: unknown): null {
  if (error instanceof S3Error && [405, 501].includes(error.status)) return null;
  return unlessMissing(error);
}

function expected(value: string | null, name: string): string {
  if (value !== null) return value;
  throw new S3Error(`an answer of the store lacks ${name}`, 200, "InvalidAnswer");
}
