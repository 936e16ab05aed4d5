import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { projectFolder } from "../../scripts/groups.ts";
import { endpoints } from "../../src/api/endpoints.ts";
import { routes } from "../../src/registry/routes.ts";
import { type Door, openDoor, publicUrl } from "./door.ts";
import { otherRequests } from "./oracle.ts";
import { signInByPage } from "./sign-in-page.ts";
import { addProject, addUser, signIn } from "./world.ts";

interface Rule {
  readonly method: string;
  readonly path: string;
  /** Of nobody, a user by Basic, and a user in a browser. */
  readonly answers: readonly [string, string, string];
}

const rules: readonly Rule[] = otherRequests
  .trim()
  .split("\n")
  .map((line) => {
    const [method = "", path = "", nobody = "", byBasic = nobody, inBrowser = nobody] =
      line.split(/ +/);
    return { method, path, answers: [nobody, byBasic, inBrowser] };
  });
const paths = [...new Set(rules.map(({ path }) => path))];

let door: Door;
let cookie: string;

beforeAll(async () => {
  door = await openDoor();
  await addUser(door, "hidden-user");
  await addProject(door, "hidden-project", signIn("hidden-user"), "private");
  cookie = await signInByPage(door, "hidden-user");
});

afterAll(() => door.remove());

/** Begins with a slash, and is no address: files of the machine, ends of names and of patterns. */
const noAddress =
  /^\/(\/|\*\*)$|^\/(proc|etc|\$bunfs)\/|^\/(manifests|blobs|blobs\/uploads|tags|referrers)$/;

/** All of them, whichever way a file takes to answer: an address that is not in the table is one that nobody judged. */
test("every address that is written in the program is in the table by hand, or in a list that the matrix asks", () => {
  const known = [
    ...paths,
    ...routes.map(({ pattern }) => pattern),
    ...endpoints.map(({ path }) => path),
  ];
  const isKnown = (text: string) =>
    text.endsWith("/") ? known.some((path) => path.startsWith(text)) : known.includes(text);
  const found = new Set<string>();
  for (const file of new Glob("src/**/*.ts").scanSync(projectFolder)) {
    // Commands ask, and answer nobody.
    if (/\.test\.ts$|^src\/(cli|client)\//.test(file)) continue;
    for (const address of addressesIn(readFileSync(join(projectFolder, file), "utf8"))) {
      found.add(address);
    }
  }
  expect([...found].filter((text) => !noAddress.test(text) && !isKnown(text))).toEqual([]);
  // The search itself finds what is served.
  const missed = paths.filter((path) => !/none/.test(path) && !found.has(path));
  expect(missed).toEqual([]);
});

/** Texts that begin with a slash, of templates what is sure of them, and what regular expressions let begin a path. */
function addressesIn(source: string): string[] {
  const code = source.replaceAll(/^\s*(\/\*\*|\*|\/\/).*$/gm, "");
  const texts = [...code.matchAll(/(["'`])(\/[^"'`\s]*)\1/g)].map(([, , text = ""]) => {
    const sure = text.replace(/\$\{.*|\?.*/, "");
    return sure === "" ? "/" : sure;
  });
  const patterns = [...code.matchAll(/\/\^\\\/(\((?!\?)[^;\n]*|[a-z][^;\n]*)/g)].flatMap(
    ([, text = ""]) => alternativesOf(text),
  );
  return [...texts, ...patterns];
}

/** `(home|docs(\/|$)` begins `/home` and `/docs`; `docs\/(` begins `/docs/`. */
function alternativesOf(pattern: string): string[] {
  const begin = (text: string) => `/${/^(?:[\w.-]|\\\/)*/.exec(text)?.[0].replaceAll("\\/", "/")}`;
  if (!pattern.startsWith("(")) return [begin(pattern)];
  const alternatives = [""];
  let depth = 0;
  for (const char of pattern) {
    if (char === "(") depth += 1;
    if (char === ")") depth -= 1;
    if (depth === 0) break;
    if (char === "|" && depth === 1) alternatives.push("");
    else if (depth > 1 || char !== "(") alternatives.push(`${alternatives.pop()}${char}`);
  }
  return alternatives.map(begin);
}

async function answerTo(method: string, path: string, by: { as?: string | null }) {
  const form = { "content-type": "application/x-www-form-urlencoded", origin: publicUrl };
  const isForm = method !== "GET" && method !== "HEAD";
  const answer = await door.ask(path, {
    ...{ method, ...by },
    ...(isForm ? { body: "", headers: form } : {}),
  });
  const location = answer.headers.get("location");
  const seen = location === null ? `${answer.status}` : new URL(location, publicUrl).pathname;
  return { answer, seen };
}

test.each(rules)("CVE-2020-29662: $method $path", async ({ method, path, answers }) => {
  const seen: string[] = [];
  for (const as of [null, signIn("hidden-user"), cookie]) {
    const { seen: one, answer } = await answerTo(method, path, { as });
    seen.push(one);
    const text = await answer.text();
    if (as === null) expect(text).not.toMatch(/hidden-(user|project)/);
  }
  expect(seen).toEqual([...answers]);
});

test("no other method does anything there", async () => {
  const taken = new Set(rules.map(({ method, path }) => `${method} ${path}`));
  const wrong: string[] = [];
  for (const path of paths) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      if (taken.has(`${method} ${path}`)) continue;
      for (const as of [null, signIn("hidden-user"), cookie]) {
        const { answer, seen } = await answerTo(method, path, { as });
        if (answer.status !== 404 && answer.status !== 405) wrong.push(`${method} ${path} ${seen}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
