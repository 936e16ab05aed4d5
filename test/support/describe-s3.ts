import { afterAll, beforeAll, describe } from "bun:test";
import { type S3Server, startStrictS3, startWeakS3, strictS3 } from "./s3-servers.ts";

/**
 * The tests on a weak S3 out of npm, and on a strict one where `.ci/run` has installed it: elsewhere
 * those are skipped, with the reason in their name, and with CI=true that is an error.
 */
export function describeS3(
  name: string,
  body: (kind: "weak" | "strict", server: () => S3Server) => void,
): void {
  describe(`${name}, on a weak S3`, () => on("weak", startWeakS3, body));
  const program = strictS3();
  if (program !== null) {
    describe(`${name}, on a strict S3`, () => on("strict", () => startStrictS3(program), body));
    return;
  }
  const reason = "versitygw is not installed";
  if (process.env["CI"] === "true") throw new Error(`${name}: ${reason}`);
  describe.skip(`${name}, on a strict S3 (skipped: ${reason})`, () =>
    body("strict", () => {
      throw new Error(reason);
    }));
}

function on(
  kind: "weak" | "strict",
  start: () => Promise<S3Server>,
  body: (kind: "weak" | "strict", server: () => S3Server) => void,
): void {
  let server: S3Server | null = null;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());
  body(kind, () => {
    if (server === null) throw new Error("the S3 server runs only while tests run");
    return server;
  });
}
