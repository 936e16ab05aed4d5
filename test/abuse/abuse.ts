import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../src/oci/error-code.ts";
import { describeContent, digestOf, makeImage, makeIndex, types } from "../support/images.ts";
import { createOciClient, type OciClient, readError } from "../support/oci-client.ts";
import { exchange, formatRequest, type RawAnswer, type RawRequest } from "../support/raw-socket.ts";
import {
  openDescriptors,
  type StoreState,
  type StoreWatch,
  settle,
  watchStore,
} from "../support/store-state.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

/** What every server under abuse holds: an image, an index of it, and a blob that nothing refers to. */
export const repository = "box/app";
export const image = makeImage("abuse");
export const index = makeIndex([image.descriptor]);
export const indexDescriptor = describeContent(index, types.index);
export const loose = "0123456789";
export const looseDigest = digestOf(loose);
export const absentDigest = digestOf("nobody has this");

/** A request, and the refusal (or the harmless answer) it gets. The store must be as it was before. */
export interface AbuseCase {
  readonly name: string;
  /** GET, unless it is given. */
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** In place of these four: the exact bytes of a request that no client would make. */
  readonly raw?: string | Uint8Array;
  /**
   * `parser`: the HTTP parser refuses, with a bare 4xx (505 for what has no version it knows) or by
   * closing the connection.
   */
  readonly status: number | "parser";
  readonly code?: ErrorCode;
  /** What `detail`, or else `message`, must name. */
  readonly names?: string | readonly string[];
  readonly answerHeaders?: Readonly<Record<string, string | null>>;
  readonly answerBody?: string;
  /** Opens an upload of these bytes first; `{upload}` in target and raw is its location. */
  readonly upload?: string;
  /** Whether that upload goes on after the request. */
  readonly uploadAfter?: "kept" | "gone";
  /** The request is one at the very limit, and succeeds: rows and files may be new. */
  readonly accepted?: true;
}

/** Runs each case against one server, and compares rows, files and descriptors around it. */
export function runAbuse(family: string, cases: readonly AbuseCase[]): void {
  describe(family, () => {
    let app: TestApp;
    let watch: StoreWatch;
    let before: StoreState;

    beforeAll(async () => {
      ({ app, watch } = await startWatched(pushContent));
      before = watch.state();
    });

    afterAll(() => stopWatched({ app, watch }));

    for (const item of cases) {
      test(item.name, async () => {
        const upload = item.upload === undefined ? null : await startUpload(app, item.upload);
        const descriptors = openDescriptors();

        const { answers, closedByServer } = await exchange(app.port, requestOf(item, upload), {
          head: item.method === "HEAD",
        });
        const [answer] = answers;
        if (answer === undefined) {
          expect({ status: item.status, closedByServer }).toEqual({
            status: "parser",
            closedByServer: true,
          });
        } else {
          checkAnswer(item, answer);
        }

        if (upload !== null) await checkUpload(app, item, upload);
        if (item.accepted === true) before = watch.state();
        expect(await settle(() => watch.state(), before)).toEqual(before);
        expect(await settle(openDescriptors, descriptors)).toEqual(descriptors);
      });
    }
  });
}

async function pushContent(client: OciClient): Promise<void> {
  await client.pushImage(repository, image, "v1");
  await client.pushManifest(repository, "multi", index);
  await client.pushBlob(repository, loose);
}

export interface Watched {
  readonly app: TestApp;
  readonly watch: StoreWatch;
}

/** A server with content, whose connections from that are closed again. */
export async function startWatched(
  push: (client: OciClient) => Promise<unknown>,
): Promise<Watched> {
  const app = await startTestApp();
  const descriptors = openDescriptors();
  await push(createOciClient((path, init) => app.fetch(path, { ...init, keepalive: false })));
  expect(await settle(openDescriptors, descriptors)).toEqual(descriptors);
  return { app, watch: watchStore(app.folder) };
}

/** Whatever was asked of it, a server has nothing to warn of. */
export async function stopWatched({ app, watch }: Watched): Promise<void> {
  watch.close();
  await app.remove();
  expect(app.logged).toEqual([]);
}

function requestOf(item: AbuseCase, upload: string | null): Uint8Array {
  if (item.raw instanceof Uint8Array) return item.raw;
  const fill = (text: string) => text.replaceAll("{upload}", upload ?? "");
  if (item.raw !== undefined) return Buffer.from(fill(item.raw), "latin1");
  const { method = "GET", target = "", headers = {}, body } = item;
  const request = { method, target: fill(target), headers };
  return formatRequest(body === undefined ? request : { ...request, body });
}

function checkAnswer(item: AbuseCase, answer: RawAnswer): void {
  const { status, body, headers } = answer;
  expect(body).not.toMatch(/\.ts:\d|\n\s+at /);
  if (item.status === "parser") {
    expect(status === 505 || (status >= 400 && status < 500)).toBe(true);
    return;
  }
  expect(`${status} ${body}`).toStartWith(`${item.status} `);
  for (const [name, value] of Object.entries(item.answerHeaders ?? {})) {
    expect({ [name]: headers.get(name) ?? null }).toEqual({ [name]: value });
  }
  if (item.answerBody !== undefined) expect(body).toBe(item.answerBody);
  if (item.code === undefined || item.method === "HEAD") return;
  const error = readError(body);
  expect(error.code).toBe(item.code);
  const said = `${JSON.stringify(error.detail)} ${error.message}`;
  for (const name of [item.names ?? []].flat()) expect(said).toContain(name);
}

async function startUpload(app: TestApp, bytes: string): Promise<string> {
  const opened = await raw(app, { method: "POST", target: `/v2/${repository}/blobs/uploads/` });
  expect(opened?.status).toBe(202);
  const location = opened?.headers.get("location") ?? "";
  if (bytes !== "") {
    const sent = await raw(app, { method: "PATCH", target: location, body: bytes });
    expect(sent?.status).toBe(202);
  }
  return location;
}

/** The session says how many bytes it has, and these were none of the refused ones; then it is ended. */
async function checkUpload(app: TestApp, item: AbuseCase, location: string): Promise<void> {
  const status = await raw(app, { method: "GET", target: location });
  const kept = item.uploadAfter !== "gone";
  expect(status?.status).toBe(kept ? 204 : 404);
  if (!kept) return;
  const length = item.upload?.length ?? 0;
  expect(status?.headers.get("range")).toBe(`0-${Math.max(0, length - 1)}`);
  const ended = await raw(app, { method: "DELETE", target: location });
  expect(ended?.status).toBe(204);
}

async function raw(app: TestApp, request: RawRequest): Promise<RawAnswer | undefined> {
  return (await exchange(app.port, formatRequest(request))).answers[0];
}
