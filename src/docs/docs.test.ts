/**
 * Goal: every page of the documentation is there and whole. Method: follow every link of every page,
 * from the first one on, and look at what was answered.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { openContext } from "../platform/http/request-context.ts";
import { createLog } from "../platform/log.ts";
import { createDocs } from "./docs.ts";

const docs = createDocs(createLog({ format: "text", level: "warn", write: () => {} }));

function ask(path: string, init: RequestInit = {}): Promise<Response> | null {
  const request = new Request(`http://registry.example${path}`, init);
  const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
  return docs(openContext(request, { requestIP: () => null }, rules));
}

interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly ids: readonly string[];
  readonly links: readonly string[];
}

const seen = new Map<string, Seen>();

beforeAll(async () => {
  const waiting = ["/docs"];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    const page = await look(path);
    seen.set(path, page);
    for (const link of page.links) {
      const target = link.split("#")[0] ?? "";
      if (/^\/(docs|api\/docs)/.test(target) && page.status === 200) waiting.push(target);
    }
  }
});

async function look(path: string): Promise<Seen> {
  const response = await ask(path);
  if (response === null) throw new Error(`${path} is not one of the documentation`);
  const { status, headers } = response;
  const isPage = headers.get("content-type")?.startsWith("text/html") === true;
  const text = await response.text();
  const all = (attribute: string) =>
    isPage
      ? [...text.matchAll(new RegExp(` ${attribute}="([^"]*)"`, "g"))].map((m) => m[1] ?? "")
      : [];
  return { status, headers, text, ids: all("id"), links: [...all("href"), ...all("src")] };
}

describe("the documentation", () => {
  test("has pages, and all that they lead to and load is there", () => {
    expect(seen.size).toBeGreaterThan(40);
    expect(seen.has("/api/docs")).toBe(true);
    const missing = [...seen].filter(([, { status }]) => status !== 200).map(([path]) => path);
    expect(missing).toEqual([]);
  });

  test("has every anchor that a link names, each once on its page", () => {
    const wrong: string[] = [];
    for (const [path, { ids, links }] of seen) {
      const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
      wrong.push(...twice.map((id) => `${path} has ${id} more than once`));
      for (const link of links) {
        const [target = "", anchor] = link.split("#");
        const page = seen.get(target === "" ? path : target);
        if (anchor === undefined || page === undefined) continue;
        if (!page.ids.includes(anchor)) wrong.push(`${path} leads to ${link}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("is searched in an index whose places are there", async () => {
    const index = /data-index="([^"]+)"/.exec(seen.get("/docs")?.text ?? "")?.[1] ?? "";
    const answer = await ask(index);
    const entries = JSON.parse((await answer?.text()) ?? "[]") as { path: string }[];
    expect(entries.length).toBeGreaterThan(300);
    const wrong = entries.filter(({ path }) => {
      const [page = "", anchor] = path.split("#");
      return anchor !== undefined && seen.get(page)?.ids.includes(anchor) !== true;
    });
    expect(wrong).toEqual([]);
  });

  test("loads nothing from elsewhere, and holds neither scripts nor styles", () => {
    for (const [path, { headers, text, links }] of seen) {
      expect(headers.get("content-security-policy")).toContain("default-src 'none';");
      const isForGood = path.startsWith("/docs/files/");
      expect(headers.get("cache-control")).toContain(isForGood ? "immutable" : "no-cache");
      if (links.length === 0) continue;
      expect(text).not.toMatch(/<script(?![^>]* src="\/docs\/files\/)|<style|\sstyle=|\son[a-z]+=/);
      expect(text).not.toMatch(
        /(?:src|data-index)="(?!\/docs\/files\/)|<link[^>]*href="(?!\/docs\/)/,
      );
    }
  });

  test("asks browsers again whether a page has changed", async () => {
    const etag = seen.get("/docs")?.headers.get("etag") ?? "";
    const again = await ask("/docs/", { headers: { "if-none-match": etag } });
    expect(again?.status).toBe(304);
    const head = await ask("/api/docs", { method: "HEAD" });
    expect([head?.status, await head?.text()]).toEqual([200, ""]);
  });

  test("says of what is not there that it is not, and leaves all other paths alone", async () => {
    for (const path of ["/docs/not-there", "/docs/missing.html", "/docs/files/x.js"]) {
      expect((await ask(path))?.status).toBe(404);
    }
    for (const path of ["/docsx", "/api/docs/x", "/api/v1/docs", "/v2/docs/x/tags/list", "/"]) {
      expect(ask(path)).toBeNull();
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expect(ask("/docs", { method })).toBeNull();
      expect(ask("/api/docs", { method })).toBeNull();
    }
  });
});
