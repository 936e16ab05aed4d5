/** Goal: who asks in their own words is led to the page that answers. Method: questions, and the pages expected. */
import { beforeAll, describe, expect, test } from "bun:test";
import { stemmer } from "stemmer";
import { createDocs } from "../../src/docs/docs.ts";
import { openContext } from "../../src/platform/http/request-context.ts";
import { createLog } from "../../src/platform/log.ts";
import { createFinder, type Entry, type Finder, otherWords } from "../../web/docs/find.ts";

/** Below them nobody looks. */
const looked = 3;

const questions: readonly (readonly [question: string, place: string])[] = [
  ["connect kubernetes", "/docs/pull-in-kubernetes"],
  ["connecting a k8s cluster", "/docs/pull-in-kubernetes"],
  ["k8s", "/docs/pull-in-kubernetes"],
  ["how do I back up", "/docs/backup-and-restore"],
  ["backing up", "/docs/backup-and-restore"],
  ["how can I restore a backup", "/docs/backup-and-restore#after-the-loss-of-a-host"],
  ["give somebody access", "/docs/who-gets-in#roles"],
  ["who can access my project", "/docs/who-gets-in#roles"],
  ["why is my push denied", "/docs/who-gets-in#roles"],
  ["why is my push denied", "/docs/errors#DENIED"],
  ["delete old tags", "/docs/deleting-and-getting-back"],
  ["undo a delete", "/docs/deleting-and-getting-back"],
  ["removing an image", "/docs/deleting-and-getting-back"],
  ["login with github actions", "/docs/github-actions"],
  ["sign in with Google", "/docs/sign-in-with-a-provider"],
  ["log in with LDAP", "/docs/sign-in-with-a-directory-ldap-active-directory"],
  ["reset a forgotten password", "/docs/who-gets-in"],
  ["move from harbor", "/docs/from-harbor#copy-the-images"],
  ["migrate from zot", "/docs/from-zot#copy-the-images"],
  ["copy images from docker hub", "/docs/from-docker-hub#copy-the-images"],
  ["run out of disk", "/docs/full-disk"],
  ["how much disk does a repository use", "/docs/how-much-it-takes"],
  ["put it behind nginx", "/docs/behind-nginx"],
  ["use https with my own certificate", "/docs/tls"],
  ["https", "/docs/tls"],
  ["logged in with github actions", "/docs/github-actions"],
  ["setting up", "/docs/commands#berth-setup"],
  ["upgrading to a new version", "/docs/upgrade"],
  ["use postgres instead of sqlite", "/docs/postgresql"],
  ["storing images in s3", "/docs/blobs-in-s3"],
  ["run several servers", "/docs/several-nodes"],
  ["prometheus metrics", "/docs/health-and-metrics"],
  ["push a helm chart", "/docs/helm"],
  ["sign an image", "/docs/cosign"],
  ["call a webhook on push", "/docs/webhooks"],
  ["corrupted blobs", "/docs/verify-and-repair"],
  ["garbage colection", "/docs/garbage-collection"],
  ["BERTH_URL", "/docs/settings#BERTH_URL"],
  ["berth gc run", "/docs/commands#berth-gc-run"],
  ["DENIED", "/docs/errors#DENIED"],
];

test.each(Object.keys(otherWords))("other words are found by a stem: %s", (stem) => {
  expect(stemmer(stem)).toBe(stem);
});

describe("search in the documentation", () => {
  let find: Finder;

  beforeAll(async () => {
    const docs = createDocs(createLog({ format: "text", level: "warn", write: () => {} }));
    const ask = async (path: string) => {
      const request = new Request(`http://registry.example${path}`);
      const rules = { isTrustedProxy: () => false, scheme: "http" } as const;
      const answer = await docs(openContext(request, { requestIP: () => null }, rules));
      return (await answer?.text()) ?? "";
    };
    const index = /data-index="([^"]+)"/.exec(await ask("/docs"))?.[1] ?? "";
    find = createFinder(JSON.parse(await ask(index)) as Entry[]);
  });

  test.each(questions)("%s: %s", (question, place) => {
    const hits = find(question);
    expect(hits.slice(0, looked).map(({ path }) => path)).toContain(place);
  });

  test("finds nothing by words that stand nowhere, or that say nothing", () => {
    expect(find("qqqqqq")).toEqual([]);
    expect(find("how do I")).toEqual([]);
  });

  test("lists few of one page", () => {
    const pages = find("berth").map(({ page }) => page);
    expect(pages.length).toBeGreaterThan(3);
    for (const page of pages) expect(pages.filter((each) => each === page).length).toBeLessThan(4);
  });
});
