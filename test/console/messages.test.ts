import { expect, test } from "bun:test";
import type { Page, Response } from "playwright-core";
import { anna } from "../accounts/closed-app.ts";
import { describeConsole } from "./describe-console.ts";
import { fill, openScreens } from "./every-screen.ts";
import { closing, opening } from "./pseudo.ts";
import { speakPseudo } from "./pseudo-console.ts";
import { repository, signIn } from "./world.ts";

// Functions that are given to the browser run there.
// biome-ignore lint/suspicious/noExplicitAny: the browser's own
declare const document: any;
declare const NodeFilter: { readonly SHOW_ELEMENT: number; readonly SHOW_TEXT: number };

const desktop = { viewport: { width: 1280, height: 800 } };

/** Names of programs, and what is typed for them. */
const code = new Set([
  ...["Berth", "UTC", "docker", "podman", "skopeo", "crane", "helm", "oras"],
  ...["docker pull", "podman pull", "crane manifest", "FROM", "image:"],
  // As the issuer has it.
  ...["github", "robot.payments.ci", "repository=acme/app\nref=refs/heads/*"],
]);

/** What opens over a screen: the path, what is clicked, and what shows that it is there. */
const opened: readonly (readonly [string, readonly string[], string])[] = [
  ["/home", [".find"], "dialog"],
  ["/home", [".who"], ".menu"],
  ["/home", [".who", "[data-action=keys]"], "dialog"],
  ["/projects", ["[data-action=new-project]"], "dialog"],
  ["/projects/payments/members", ["[data-action=add-member]"], "dialog"],
  ["/projects/payments/members", ["[data-action=new-grant]"], "dialog"],
  ["/projects/payments/robots", ["[data-action=new-robot]"], "dialog"],
  ["/projects/payments/webhooks", ["[data-action=new-webhook]"], "dialog"],
  ["/projects/payments/rules", ["[data-action=add-rule]"], "dialog"],
  ["/projects/payments/settings", ["[data-action=delete-project]"], "dialog"],
  [`/r/${repository}`, [".filter input"], ".sug"],
  [`/r/${repository}`, ["[data-name=latest] [aria-haspopup=menu]"], "[role=menuitem]"],
  [`/r/${repository}`, ["[data-name=latest] [data-action=select]"], "[data-action=delete-tags]"],
  [
    `/r/${repository}`,
    ["[data-name=latest] [data-action=select]", "[data-action=delete-tags]"],
    "dialog",
  ],
  [`/r/${repository}`, [".tools .no-phone [aria-haspopup=menu]"], "[role=menuitemcheckbox]"],
  [
    `/r/${repository}/-/untagged`,
    ["[data-row='0'] [data-action=select]", "[data-action=delete-all-untagged]"],
    "dialog",
  ],
  [
    `/r/${repository}/-/untagged`,
    ["[data-row='0'] [aria-haspopup=menu]"],
    "[data-action=delete-untagged]",
  ],
  [`/r/${repository}/-/about`, ["[data-action=delete-repository]"], "dialog"],
  ["/profile", ["[data-action=new-token]"], "dialog"],
  ["/profile/account", ["[data-action=change-password]"], "[data-action=change-password]"],
  ["/admin/users", ["[data-action=new-user]"], "dialog"],
  ["/admin/groups", ["[data-action=new-group]"], "dialog"],
  ["/admin/groups", ["[data-action=add-group-member]"], "dialog"],
  ["/admin/robots", ["[data-action=new-robot]"], "dialog"],
  ["/admin/access", ["[data-action=new-role]"], "dialog"],
  ["/admin/access", ["[data-action=new-grant]"], "dialog"],
  ["/admin/access", ["[data-action=new-limit]"], "dialog"],
  ["/admin/invitations", ["[data-action=new-invitation]"], "dialog"],
  ["/admin/providers", ["[data-action=new-provider]"], "dialog"],
  ["/admin/workloads", ["[data-action=new-issuer]"], "dialog"],
  ["/admin/workloads", ["[data-action=new-trust]"], "dialog"],
];

/** How the top bar calls whoever looks. */
const initials = anna[0].slice(0, 2).toUpperCase();

/** What people read or hear, but for what is code. */
async function shownTexts(page: Page): Promise<readonly string[]> {
  const texts = await page.evaluate(() => {
    const found: string[] = [document.title];
    const walker = document.createTreeWalker(
      document.body,
      NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
    );
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const element = node.parentElement;
      if (element.closest("code, pre, script, noscript") !== null) continue;
      if (node.nodeType === 3) {
        if (element.tagName === "OPTION" || element.checkVisibility()) found.push(node.data);
        continue;
      }
      for (const name of ["title", "aria-label", "placeholder", "alt", "aria-description"]) {
        if (node.checkVisibility()) found.push(node.getAttribute(name) ?? "");
      }
    }
    return found;
  });
  return [...new Set(texts)];
}

/** Strings that the server answered, and where the page is: what it shows of them is data. */
function heard(page: Page) {
  const strings: string[] = [];
  const reading = new Set<Promise<void>>();
  const take = (value: unknown): void => {
    if (typeof value === "string") strings.push(value);
    if (typeof value !== "object" || value === null) return;
    // The audit shows what it recorded as it is.
    strings.push(JSON.stringify(value));
    for (const [key, part] of Object.entries(value)) {
      if (typeof part === "string") strings.push(`${key}=${part}`);
      take(part);
    }
  };
  page.on("response", (response: Response) => {
    if (!new URL(response.url()).pathname.startsWith("/api/")) return;
    const read = response.json().then(take, () => {
      // An answer without a body, or one that came when the page was gone, says nothing.
    });
    reading.add(read);
    void read.finally(() => reading.delete(read));
  });
  return async () => {
    await Promise.all(reading);
    return [...strings, decodeURIComponent(page.url())];
  };
}

/** Words in the letters of the sources that are neither of the messages nor of the data. */
function strangers(text: string, data: readonly string[]): readonly string[] {
  const rest = withoutMessages(text).trim();
  const isKnown = (part: string) =>
    code.has(part) ||
    /^https:[/][/]\S+$/.test(part) ||
    // A sentence of the server may begin with a large letter here.
    [part, part.replace(/^./, (first) => first.toLowerCase())].some((each) =>
      data.some((known) => known.includes(each)),
    );
  if (isKnown(rest)) return [];
  return [...rest.matchAll(/[^\s()[\],;:/@·…“”]+/g)]
    .map(([word]) => word.replace(/^[^\p{L}]+|[^\p{L}\d]+$/gu, ""))
    .filter((word) => /\p{Script=Latin}{2}/u.test(word) && !isKnown(word));
}

function withoutMessages(text: string): string {
  let depth = 0;
  let rest = "";
  for (const letter of text) {
    if (letter === opening) depth += 1;
    if (depth === 0) rest += letter;
    if (letter === closing) depth = Math.max(0, depth - 1);
  }
  return rest;
}

describeConsole("messages", (there) => {
  test("are all that the console says, but for data and code, on every screen", async () => {
    const { chromium, world } = there();
    const tested = await fill(world);
    const watched = await chromium.open(desktop);
    await speakPseudo(watched);
    const data = heard(watched.page);
    await signIn(watched);
    /** By what is said, where it is said first. */
    const found = new Map<string, string>();
    let messages = 0;
    const look = async (path: string) => {
      const known = [...(await data()), initials];
      for (const text of await shownTexts(watched.page)) {
        if (text.includes(opening)) messages += 1;
        if (strangers(text, known).length > 0 && !found.has(text)) found.set(text, path);
      }
    };
    for await (const path of openScreens(watched, tested)) await look(path);
    for (const [path, clicks, shows] of opened) {
      await watched.page.goto(path);
      for (const click of clicks) await watched.page.locator(click).first().click();
      await watched.page.waitForSelector(shows);
      await look(`${path}, ${clicks.join(", ")},`);
    }
    expect([...found].map(([text, path]) => `${path} says ${text}`)).toEqual([]);
    expect(messages).toBeGreaterThan(500);
    expect(watched.faults).toEqual([]);
    await watched.close();
  }, 300_000);
});
