import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { AwsV4Signer } from "aws4fetch";
import { listen } from "./listening.ts";
import { testCredentials } from "./s3-servers.ts";

/** What a source of credentials gives to a program. */
export interface Issued {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null: they have no end. */
  readonly sessionToken: string | null;
  readonly expiresAt: Date | null;
}

/** Stands before an S3, knows keys of its own making, and lets nobody else pass. */
export interface S3Doorkeeper {
  readonly endpoint: string;
  /** Good for so long; with a token of the session. Null: for good, and without one. */
  issue(validMs: number | null): Issued;
  /** From now on these are over, whatever they said themselves. */
  end(issued: Issued): void;
  /** How many requests came with these and were let pass; how many by a link. */
  passed(issued: Issued): { readonly signed: number; readonly linked: number };
  /** Codes of those that were turned away. */
  readonly refused: readonly string[];
  stop(): Promise<void>;
}

interface Known {
  readonly issued: Issued;
  isEnded: boolean;
  signed: number;
  linked: number;
}

/** Headers of a connection, and those that are signed anew. */
const ownHeaders = new Set([
  ...["host", "connection", "keep-alive", "content-length", "transfer-encoding"],
  ...["authorization", "x-amz-date", "x-amz-security-token"],
]);

/** `target`: the S3 behind it, which knows the test's credentials alone. */
export async function startS3Doorkeeper(target: string): Promise<S3Doorkeeper> {
  const known = new Map<string, Known>();
  const refused: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const signed = signatureOf(request);
    const code = whyNot(request, signed);
    if (code !== null) {
      refused.push(code);
      response.writeHead(code === "ExpiredToken" ? 400 : 403, {
        "content-type": "application/xml",
      });
      response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
      return;
    }
    const one = known.get(signed?.accessKeyId ?? "");
    if (one !== undefined) one[signed?.isLink === true ? "linked" : "signed"] += 1;
    const passed = await pass(target, request, Buffer.concat(chunks));
    const headers = Object.fromEntries(passed.headers);
    response.writeHead(passed.status, headers);
    response.end(new Uint8Array(await passed.arrayBuffer()));
  }

  function whyNot(request: IncomingMessage, signed: Signature | null): string | null {
    const one = known.get(signed?.accessKeyId ?? "");
    if (signed === null) return "AccessDenied";
    if (one === undefined) return "InvalidAccessKeyId";
    const { issued } = one;
    if (signed.token !== issued.sessionToken) return "InvalidToken";
    if (signatureWith(issued.secretAccessKey, request, signed) !== signed.signature) {
      return "SignatureDoesNotMatch";
    }
    const isOver = issued.expiresAt !== null && issued.expiresAt.getTime() <= Date.now();
    return one.isEnded || isOver ? "ExpiredToken" : null;
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const { port, stop } = await listen(server);
  const of = (issued: Issued) => {
    const one = known.get(issued.accessKeyId);
    if (one === undefined) throw new Error(`${issued.accessKeyId} is not known`);
    return one;
  };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    issue(validMs) {
      const number = known.size + 1;
      const issued: Issued = {
        accessKeyId: `ASIATEST${number}`,
        secretAccessKey: `secret/of+${number}`,
        sessionToken: validMs === null ? null : `token/of+${number}==`,
        expiresAt: validMs === null ? null : new Date(Date.now() + validMs),
      };
      known.set(issued.accessKeyId, { issued, isEnded: false, signed: 0, linked: 0 });
      return issued;
    },
    end(issued) {
      of(issued).isEnded = true;
    },
    passed(issued) {
      const { signed, linked } = of(issued);
      return { signed, linked };
    },
    refused,
    stop,
  };
}

interface Signature {
  readonly accessKeyId: string;
  /** Of the key: day, region, service, `aws4_request`. */
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly time: string;
  readonly token: string | null;
  /** Whether it stands in the address. */
  readonly isLink: boolean;
}

function signatureOf(request: IncomingMessage): Signature | null {
  const { searchParams } = urlOf(request);
  const isLink = searchParams.has("X-Amz-Signature");
  const said = request.headers.authorization ?? "";
  const inHeader = (name: string) => new RegExp(`${name}=([^, ]+)`).exec(said)?.[1] ?? null;
  const header = (name: string) => request.headers[name]?.toString() ?? null;
  const credential = isLink ? searchParams.get("X-Amz-Credential") : inHeader("Credential");
  const names = isLink ? searchParams.get("X-Amz-SignedHeaders") : inHeader("SignedHeaders");
  const signature = isLink ? searchParams.get("X-Amz-Signature") : inHeader("Signature");
  const time = isLink ? searchParams.get("X-Amz-Date") : header("x-amz-date");
  if (credential === null || names === null || signature === null || time === null) return null;
  const [accessKeyId = "", ...scope] = credential.split("/");
  const token = isLink ? searchParams.get("X-Amz-Security-Token") : header("x-amz-security-token");
  return { accessKeyId, scope, signedHeaders: names.split(";"), signature, time, token, isLink };
}

/** As Amazon describes it for version 4. */
function signatureWith(secret: string, request: IncomingMessage, signed: Signature): string {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const parameters = query
    .split("&")
    .filter((parameter) => parameter !== "" && !parameter.startsWith("X-Amz-Signature="))
    .map((parameter) => (parameter.includes("=") ? parameter : `${parameter}=`))
    .sort();
  const headers = signed.signedHeaders.map((name) => `${name}:${request.headers[name]}\n`);
  const payload = request.headers["x-amz-content-sha256"]?.toString() ?? "UNSIGNED-PAYLOAD";
  const canonical = [
    request.method,
    path,
    parameters.join("&"),
    headers.join(""),
    signed.signedHeaders.join(";"),
    payload,
  ].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", signed.time, signed.scope.join("/"), hash].join("\n");
  const hmac = (key: string | Uint8Array, data: string) =>
    createHmac("sha256", key).update(data).digest();
  const key = signed.scope.reduce<string | Uint8Array>(hmac, `AWS4${secret}`);
  return createHmac("sha256", key).update(text).digest("hex");
}

async function pass(
  target: string,
  request: IncomingMessage,
  body: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const url = new URL(request.url ?? "", target);
  for (const name of [...url.searchParams.keys()]) {
    if (name.startsWith("X-Amz-")) url.searchParams.delete(name);
  }
  const headers = new Headers({ "x-amz-content-sha256": "UNSIGNED-PAYLOAD" });
  for (const [name, value] of Object.entries(request.headers)) {
    if (!ownHeaders.has(name)) headers.set(name, String(value));
  }
  const method = request.method ?? "";
  const anew = await new AwsV4Signer({
    url: url.href,
    method,
    headers,
    accessKeyId: testCredentials.AWS_ACCESS_KEY_ID,
    secretAccessKey: testCredentials.AWS_SECRET_ACCESS_KEY,
    service: "s3",
    region: "us-east-1",
  }).sign();
  const hasBody = method === "PUT" || method === "POST";
  return await fetch(anew.url, {
    method,
    headers: anew.headers,
    ...(hasBody ? { body } : {}),
    decompress: false,
    redirect: "manual",
  });
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? "", "http://s3.test");
}
