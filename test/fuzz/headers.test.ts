import { afterAll, beforeAll } from "bun:test";
import type { Answer } from "./answer.ts";
import { fuzz } from "./fuzz.ts";
import { type Headed, headed } from "./header-values.ts";
import { image, large, openWorld, type World } from "./world.ts";

// Headers in any company: of what is sent in part it is the part that the answer says it is, and nobody is
// somebody, or comes from somewhere, by a header that proves nothing.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.end());

const isPrivate = /^\/(v2|api)\//;

fuzz({
  name: "headers",
  values: headed,
  expects: ["200", "206", "304", "400", "401", "416"],
  async run(asked) {
    const { method, path, body } = asked;
    const own = asked.signedIn ? { authorization: world.admin } : {};
    const headers = { ...own, ...asked.headers };
    const answer = await world.ask({ method, path, headers, body });
    const { status } = answer;
    if (!asked.signedIn && isPrivate.test(path) && status < 400)
      throw new Error(`nobody was answered ${status}`);
    if (path.includes("/blobs/sha256:")) checkBlob(asked, answer);
    if (
      path.endsWith("/manifests/v1") &&
      status === 200 &&
      method === "GET" &&
      answer.body !== image.manifest
    ) {
      throw new Error(`another manifest: ${answer.body}`);
    }
    checkEchoes(answer);
    return `${status}`;
  },
});

/** RFC 9110 §14.4: the bytes are those that Content-Range names, and no others. */
function checkBlob({ method, headers }: Headed, { status, headers: given, body }: Answer): void {
  if (method === "HEAD") return;
  if (status === 200) {
    if (body !== large) throw new Error(`${body.length} bytes as the whole`);
    return;
  }
  if (status === 206) {
    const [, first, last] =
      /^bytes (\d+)-(\d+)\/80000$/.exec(given.get("content-range") ?? "") ?? [];
    const part = large.slice(Number(first), Number(last) + 1);
    if (first === undefined || part === "" || body !== part)
      throw new Error(`${given.get("content-range")}: other bytes`);
    checkAsked(headers["range"] ?? "", Number(first), Number(last));
    return;
  }
  if (status === 416 && given.get("content-range") !== "bytes */80000")
    throw new Error("416 without the size");
}

function checkAsked(range: string, first: number, last: number): void {
  const [, from = "", to = ""] = /^\s*bytes=\s*(\d*)-(\d*)\s*$/i.exec(range) ?? [];
  const wanted =
    from === ""
      ? [Math.max(0, large.length - Number(to)), large.length - 1]
      : [Number(from), to === "" ? large.length - 1 : Math.min(Number(to), large.length - 1)];
  if (first !== wanted[0] || last !== wanted[1])
    throw new Error(`${range} was answered with ${first}-${last}`);
}

/** Where the answer leads, and what it calls itself, is not what the request said. */
function checkEchoes({ headers }: Answer): void {
  for (const [name, value] of headers) {
    if (/evil\.example|of-the-client/.test(value))
      throw new Error(`${name} repeats what was sent: ${value}`);
  }
}
