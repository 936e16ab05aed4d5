import { afterAll, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import type { Page } from "playwright-core";
import { anna, basic } from "../accounts/closed-app.ts";
import { openReceiver } from "../events/world.ts";
import { startIssuer } from "../support/identity-issuer.ts";
import { clientSecret, startProvider } from "../support/identity-provider.ts";
import { makeImage, types } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import {
  bindDn,
  bindPassword,
  group,
  groups,
  passwordOf,
  people,
  person,
  startSlapd,
  whyNoSlapd,
} from "../support/slapd.ts";
import { findings } from "./axe.ts";
import type { Watched } from "./chromium.ts";
import { describeConsole } from "./describe-console.ts";
import { evil, imageWithHistory, makeBackup, repository, signIn, withFiles } from "./world.ts";

const desktop = { viewport: { width: 1280, height: 800 } };
const encoded = encodeURIComponent(repository);
const clicked = new Set<string>();
const noSlapd = whyNoSlapd();
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not trusted
type Body = any;
// Functions that are given to the browser run there.
declare const document: Body;
declare const location: Body;
declare const navigator: Body;
declare function dispatchEvent(event: Event): boolean;

/** Clicks what does it, in the row of a name where there is one. */
async function act(page: Page, action: string, within = ""): Promise<void> {
  clicked.add(action);
  await page.locator(`${within} [data-action="${action}"]`.trim()).first().click();
}

async function type(page: Page, name: string, value: string): Promise<void> {
  const field = `[name="${name}"]`;
  // Behind a dialog that is about to close, what is typed goes nowhere.
  await page.waitForFunction((selector) => {
    const dialog = document.querySelector("dialog:modal");
    return dialog === null || dialog.querySelector(selector) !== null;
  }, field);
  await page.fill(field, value);
}

const row = (name: string) => `[role=row][data-name=${JSON.stringify(name)}]`;

/** Somebody comes back to the window until it shows what they wait for. */
async function lookAgain(page: Page, shows: string): Promise<void> {
  for (let tries = 0; (await page.locator(shows).count()) === 0; tries++) {
    if (tries > 200) throw new Error(`${shows} never appeared`);
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await Bun.sleep(50);
  }
}

async function opened(watched: Watched, path: string): Promise<Page> {
  await watched.page.goto(path);
  await watched.page.waitForSelector("h1");
  return watched.page;
}

describeConsole("actions", (there) => {
  let shared: Watched | null = null;
  /** Ends the directory, also where its test failed. */
  let endDirectory: (() => Promise<void>) | null = null;
  const signedIn = async (): Promise<Watched> => {
    if (shared === null) {
      shared = await there().chromium.open(desktop);
      await signIn(shared);
    }
    return shared;
  };
  const api = async (path: string) => {
    const { status, body } = await there().world.app.api(anna, "GET", path);
    return { status, body };
  };
  /** Until another client sees it. */
  const seen = async (path: string, isSo: (body: Body) => boolean) => {
    for (let tries = 0; tries < 200; tries++) {
      const { status, body } = await api(path);
      if (isSo(status === 200 ? body : null)) return;
      await Bun.sleep(25);
    }
    throw new Error(`${path} says ${JSON.stringify((await api(path)).body).slice(0, 500)}`);
  };
  const tagNames = (body: Body): string[] => body.items.map((tag: { name: string }) => tag.name);
  const tagsPath = `/api/v1/repositories/${encoded}/tags`;

  test("tags: lock, select, delete, undo", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${repository}`);
    const more = async (name: string, action: string) => {
      await page.locator(`${row(name)} [aria-haspopup=menu]`).click();
      await act(page, action, row(name));
    };
    await more("2.14.1", "lock-tag");
    await seen(tagsPath, (body) => body.items.find((tag: Body) => tag.name === "2.14.1").locked_at);
    await page.waitForSelector(`${row("2.14.1")} .lock`);
    await more("2.14.1", "unlock-tag");
    await seen(
      tagsPath,
      (body) => !body.items.find((tag: Body) => tag.name === "2.14.1").locked_at,
    );
    await page.waitForSelector(`${row("2.14.1")} .lock`, { state: "detached" });

    for (const name of ["2.13.0-rc.1", "pr-4819"]) await act(page, "select", row(name));
    await act(page, "lock-tags");
    await seen(tagsPath, (body) => body.items.filter((tag: Body) => tag.locked_at).length === 2);
    await page.waitForSelector(`${row("pr-4819")} .lock`);
    for (const name of ["2.13.0-rc.1", "pr-4819"]) {
      await there().world.app.api(anna, "DELETE", `${tagsPath}/${name}/lock`);
    }
    await opened(await signedIn(), `/r/${repository}`);
    await act(page, "select", row("pr-4819"));
    await act(page, "clear-selection");
    await act(page, "select-all");
    await act(page, "clear-selection", ".selbar");
    for (const name of ["2.13.0-rc.1", "2.13.0-rc.2"]) await act(page, "select", row(name));
    await act(page, "delete-tags");
    await page.waitForSelector("dialog .num");
    const dialog = (await page.textContent("dialog")) ?? "";
    expect(dialog).toContain("Delete 2 tags of payments/api?");
    expect(dialog).toContain("and its image");
    await act(page, "confirm-delete-tags-cancel");
    await act(page, "delete-tags");
    await act(page, "confirm-delete-tags");
    await seen(tagsPath, (body) => !tagNames(body).includes("2.13.0-rc.1"));
    await act(page, "undo");
    await seen(
      tagsPath,
      (body) => tagNames(body).includes("2.13.0-rc.1") && tagNames(body).includes("2.13.0-rc.2"),
    );
    await page.waitForSelector(row("2.13.0-rc.1"));
    await more("pr-4819", "delete-tag");
    await act(page, "confirm-delete-tags");
    await seen(tagsPath, (body) => !tagNames(body).includes("pr-4819"));
    await act(page, "dismiss");
  });

  test("tags: the only one of a repository goes and comes back", async () => {
    const of = "alone/app";
    await there().world.oci.pushImage(of, imageWithHistory("alone", "amd64"), "1.0");
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${of}`);
    await act(page, "select", row("1.0"));
    await act(page, "delete-tags");
    await act(page, "confirm-delete-tags");
    await page.waitForSelector(".emp a[href='/trash']");
    expect(await page.textContent("main")).not.toContain("first push");
    await act(page, "undo");
    await page.waitForSelector(row("1.0"));
    await act(page, "dismiss");
  });

  test("tags: what goes along with an image is shown before it goes", async () => {
    const { app, oci } = there().world;
    const of = "along/app";
    const path = `/api/v1/repositories/${encodeURIComponent(of)}/tags`;
    const image = imageWithHistory("along", "amd64");
    await oci.pushImage(of, image, "1.0");
    // One that lists of tags do not show.
    const attached = `${image.digest.replace(":", "-")}.sig`;
    await oci.pushManifest(of, attached, image.manifest);
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    // What the console has of the list stays as it was, and nothing is asked for by itself.
    await page.addInitScript("setInterval = () => 0");
    const { body: stale } = await api(path);
    await page.route(
      (url) => url.pathname === path,
      (route) => route.fulfill({ json: stale }),
    );
    await page.goto(`/r/${of}`);
    await act(page, "select", row("1.0"));
    await act(page, "delete-tags");
    await page.waitForFunction(
      (name) => document.querySelector("dialog")?.textContent.includes(name),
      attached,
    );
    await oci.pushManifest(of, "stable", image.manifest);
    await act(page, "confirm-delete-tags");
    await page.waitForSelector("dialog .note.bad");
    expect(tagNames((await api(path)).body).sort()).toEqual(["1.0", "stable"]);
    await page.waitForFunction(() => /stable/.test(document.querySelector("dialog")?.textContent));
    await act(page, "confirm-delete-tags");
    await seen(path, (body) => body.items.length === 0);
    await page.waitForSelector(".toast [data-action=undo]");

    await app.api(anna, "PATCH", "/api/v1/projects/along", { trash_days: 0 });
    await oci.pushImage(of, imageWithHistory("no trash", "amd64"), "1.0");
    await page.unrouteAll();
    await page.goto(`/r/${of}`);
    await act(page, "select", row("1.0"));
    await act(page, "delete-tags");
    await page.waitForFunction(() =>
      /nothing brings it back/.test(document.querySelector("dialog")?.textContent),
    );
    await act(page, "confirm-delete-tags");
    await page.waitForSelector(".toast [data-action=dismiss]");
    expect(await page.locator(".toast [data-action=undo]").count()).toBe(0);

    await oci.pushImage(of, imageWithHistory("no trash either", "amd64"), "1.0");
    await page.goto(`/r/${of}/-/about`);
    await act(page, "delete-repository");
    await page.waitForFunction(() =>
      /nothing brings it back.*once it is collected/.test(
        document.querySelector("dialog")?.textContent,
      ),
    );
    await act(page, "confirm-delete-repository");
    await page.waitForFunction(() =>
      /along.app is deleted/.test(document.querySelector(".toast")?.textContent),
    );
    expect(await page.locator(".toast [data-action=undo]").count()).toBe(0);
    await watched.close();
  });

  test("tags: copy, sort, filter, history", async () => {
    const { page } = await signedIn();
    const { oci } = there().world;
    const attached = `sha256-${"a".repeat(64)}.sig`;
    await oci.pushImage(repository, imageWithHistory("signature", "amd64"), attached);
    await opened(await signedIn(), `/r/${repository}`);
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    const host = new URL(page.url()).host;
    await act(page, "copy", row("latest"));
    await page.waitForSelector(`${row("latest")} .k-done`);
    expect(await clipboard()).toBe(`docker pull ${host}/${repository}:latest`);
    await page.locator(".ref [aria-haspopup=menu]").click();
    await act(page, "client-podman");
    await act(page, "copy-reference");
    await page.waitForSelector(".ref .k-done");
    expect(await clipboard()).toStartWith(`podman pull ${host}/${repository}:`);
    await page.locator(".ref [aria-haspopup=menu]").click();
    await act(page, "client-digest");
    await page.waitForFunction(() =>
      /@sha256:/.test(document.querySelector(".ref code").textContent),
    );
    await page.locator(".ref [aria-haspopup=menu]").click();
    await act(page, "client-docker");
    await page.locator(`${row("latest")} [aria-haspopup=menu]`).click();
    await act(page, "copy-by-digest", row("latest"));
    const { body } = await api(tagsPath);
    const { digest } = body.items.find((tag: Body) => tag.name === "latest");
    await page.waitForFunction(
      async (wanted) => (await navigator.clipboard.readText()) === wanted,
      `${host}/${repository}@${digest}`,
    );
    const first = () => page.locator("[role=row][data-row='0']").getAttribute("data-name");
    for (const by of ["name", "size", "pushed"]) {
      await act(page, `sort-${by}`);
      await page.waitForSelector(`[aria-sort]:not([aria-sort=none]) [data-action=sort-${by}]`);
    }
    await act(page, "sort-name");
    await page.waitForFunction(() => location.search.includes("sort=name"));
    await page.waitForSelector("[role=row][data-row='0'][data-name='2.13.0-rc.1']");
    expect(await first()).toBe("2.13.0-rc.1");
    clicked.add("filter");
    await page.keyboard.press("/");
    await page.keyboard.type("plat");
    await act(page, "filter-suggestion");
    await page.keyboard.type("arm64 ");
    await page.waitForFunction(
      () => document.querySelectorAll("[role=row][data-row]").length === 2,
    );
    expect(new URL(page.url()).searchParams.get("q")).toBe("platform:arm64 ");
    await page.keyboard.type("-tag:* ");
    await page.waitForSelector(".none");
    await act(page, "filter-only");
    await page.waitForSelector(row("latest"));
    await act(page, "clear-filter");
    await page.waitForSelector(row("main"));
    await page.locator(`${row("main")} [aria-haspopup=menu]`).click();
    await act(page, "open-history", row("main"));
    await page.waitForSelector("[data-action=move-back]");
    const before = (await api(tagsPath)).body.items.find((tag: Body) => tag.name === "main").digest;
    await act(page, "move-back");
    await seen(
      tagsPath,
      (all) => all.items.find((tag: Body) => tag.name === "main").digest !== before,
    );
    await act(page, "undo");
    await seen(
      tagsPath,
      (all) => all.items.find((tag: Body) => tag.name === "main").digest === before,
    );
    await act(page, "as-of");
    await page.waitForSelector("[data-action=back-to-now]");
    const moment = new Date().toISOString().slice(0, 19);
    await page.fill("input[name=at]", moment);
    await act(page, "show-as-of");
    await page.waitForURL((url) => url.searchParams.get("at") === moment.replace("T", " "));
    await page.waitForSelector(".asof [role=row][data-name=main]");
    const past = `/api/v1/repositories/${encoded}/past?at=${encodeURIComponent(`${moment}Z`)}`;
    expect(tagNames((await api(past)).body)).toContain(attached);
    expect(await page.locator(`.asof ${row(attached)}`).count()).toBe(0);
    await act(page, "back-to-now");
    await page.waitForSelector(row("main"));
  });

  test("tags: columns are chosen, with the keyboard too, and kept; a phone has its own", async () => {
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    await page.goto(`/r/${repository}`);
    await page.waitForSelector(row("latest"));
    const isShown = (heads: string) =>
      page.waitForFunction(
        (wanted) =>
          [...document.querySelectorAll("[role=columnheader]")]
            .filter((head) => head.getClientRects().length > 0)
            .map((head) => head.textContent)
            .join(" ")
            .trim() === wanted,
        heads,
      );
    const menu = ".tools .no-phone [aria-haspopup=menu]";
    await isShown("Tag Digest Platforms Size Pushed Actions");
    await page.locator(menu).click();
    expect(await page.getAttribute("[data-action=columns-at-first]", "aria-disabled")).toBe("true");
    expect(await findings(watched, null)).toEqual([]);
    await act(page, "column-digest");
    await act(page, "column-attached");
    await isShown("Tag Platforms Size Pushed Attached Actions");
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement.textContent)).toBe("Columns");
    await page.keyboard.press("Enter");
    for (const key of ["ArrowDown", "Space", "ArrowDown", "Enter"]) await page.keyboard.press(key);
    await isShown("Tag Pushed Attached Actions");
    await page.keyboard.press("Escape");
    await page.reload();
    await page.waitForSelector(row("latest"));
    await isShown("Tag Pushed Attached Actions");
    await page.locator(menu).click();
    await act(page, "column-pushed");
    await page.waitForSelector(`${row("latest")} .c-when time`, { state: "hidden" });
    expect(await page.locator(`${row("latest")} .c-when .by`).isVisible()).toBe(true);
    await act(page, "column-by");
    await isShown("Tag Attached Actions");

    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForSelector(`${row("latest")} .c-when time`);
    for (const part of [".c-size", ".c-plat", ".by"]) {
      expect(await page.locator(`${row("latest")} ${part}`).isVisible()).toBe(true);
    }
    await page.setViewportSize(desktop.viewport);
    await act(page, "columns-at-first");
    await isShown("Tag Digest Platforms Size Pushed Actions");
    expect(watched.faults).toEqual([]);
    await watched.close();
  });

  test("untagged: sort, open, copy, compare, delete, undo", async () => {
    const { app, oci } = there().world;
    const of = "loose/app";
    const path = `/api/v1/repositories/${encodeURIComponent(of)}/untagged`;
    const images = ["one", "two", "three"].map((seed) => imageWithHistory(seed, "amd64"));
    const [one, two, three] = images.map(({ digest }) => digest as string);
    if (!one || !two || !three) throw new Error("no images");
    for (const image of images) {
      await oci.pushImage(of, image, image.digest === three ? undefined : "v1");
    }
    await oci.pushImage(of, imageWithHistory("four", "amd64"), "v1");
    await app.api(anna, "PATCH", "/api/v1/projects/loose", { untagged_days: 7 });
    const digests = (body: Body): string[] =>
      body.items.map(({ digest }: { digest: string }) => digest);
    expect(digests((await api(path)).body).sort()).toEqual([one, two, three].sort());

    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${of}`);
    await page.waitForSelector(row("v1"));
    await page.keyboard.press("]");
    await page.waitForURL(`**/r/${of}/-/untagged`);
    await page.waitForSelector(row(one));
    expect(await page.textContent(row(two))).toMatch(/was v1.*by anna.*in 7 days/);
    expect(await page.textContent(".untagged-rule")).toContain("after 7 days");
    await act(page, "sort-size");
    await page.waitForFunction(() => location.search === "?sort=-size");
    await act(page, "sort-pushed");
    await page.waitForSelector(`[role=row][data-row='2'][data-name='${one}']`);

    const host = new URL(page.url()).host;
    const copied = (wanted: string) =>
      page.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, wanted);
    const more = async (digest: string, action: string) => {
      await page.locator(`${row(digest)} [aria-haspopup=menu]`).click();
      await act(page, action, row(digest));
    };
    await more(one, "copy-untagged");
    await copied(`${host}/${of}@${one}`);
    await act(page, "copy", row(two));
    await copied(`docker pull ${host}/${of}@${two}`);
    await page.locator(row(three)).focus();
    await page.keyboard.press("c");
    await copied(`docker pull ${host}/${of}@${three}`);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/r/${of}@${two}`);
    await page.waitForSelector(".facts");
    await page.goBack();
    await more(one, "compare-one-untagged");
    await page.waitForURL(`**/compare?a=${encodeURIComponent(`${of}@${one}`)}`);
    await page.goBack();
    for (const digest of [three, one]) await act(page, "select", row(digest));
    await act(page, "compare-untagged");
    await page.waitForURL(
      `**/compare?${new URLSearchParams({ a: `${of}@${one}`, b: `${of}@${three}` })}`,
    );
    await page.goBack();

    await more(one, "delete-untagged");
    await page.waitForSelector("dialog .num");
    const dialog = (await page.textContent("dialog")) ?? "";
    expect(dialog).toContain("Delete 1 untagged image of loose/app?");
    expect(dialog).toContain("was v1");
    expect(await findings(await signedIn(), null)).toEqual([]);
    await act(page, "confirm-delete-untagged-cancel");
    await more(one, "delete-untagged");
    await act(page, "confirm-delete-untagged");
    await seen(path, (body) => !digests(body).includes(one));
    await page.waitForSelector(row(one), { state: "detached" });
    await act(page, "undo");
    await seen(path, (body) => digests(body).includes(one));
    await page.waitForSelector(row(one));

    // What somebody named meanwhile is told of before it goes.
    await page.locator(row(two)).focus();
    await page.keyboard.press("Delete");
    await page.waitForSelector("dialog .num");
    await oci.pushManifest(of, "kept", images[1]?.manifest ?? "");
    await act(page, "confirm-delete-untagged");
    await page.waitForFunction(() => /kept/.test(document.querySelector("dialog")?.textContent));
    await act(page, "confirm-delete-untagged-cancel");
    await seen(path, (body) => !digests(body).includes(two));

    await opened(await signedIn(), `/r/${of}/-/untagged`);
    await page.waitForSelector(row(one));
    await act(page, "select-all");
    await act(page, "delete-all-untagged");
    await act(page, "confirm-delete-untagged");
    await seen(path, (body) => body.items.length === 0);
    await page.waitForSelector(".emp");
    expect(await page.textContent(".emp")).toContain("Every image has a tag");
  });

  test("an image: its platforms", async () => {
    const { page } = await signedIn();
    await opened(
      await signedIn(),
      `/r/${repository}:latest/layers?layer=sha256:00&path=etc&file=etc/passwd&q=passwd`,
    );
    await page.waitForSelector(".platbar");
    await page.locator("[data-action=choose-platform]").nth(1).click();
    clicked.add("choose-platform");
    await page.waitForSelector("[data-action=choose-platform]:nth-child(2)[aria-pressed=true]");
    expect(new URL(page.url()).search).toBe("?platform=linux%2Farm64");
    await page.waitForSelector(".layers [role=row]");
    const lines = (await page.textContent(".layers")) ?? "";
    expect(lines).toContain("npm ci --omit=dev");
    expect(lines).toContain("no data");
  });

  test("an image: what no build line made says so, and what has no platform", async () => {
    const { oci } = there().world;
    const of = "plain/app";
    await oci.pushImage(of, makeImage("no history"), "1");
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${of}:1/layers`);
    await page.waitForSelector(".layers [data-row='1']");
    expect(await page.textContent(".layers [data-row='1']")).toContain("no build line");
    expect(await page.locator(".pl em").allTextContents()).toEqual([
      "no build line",
      "no build line",
    ]);
    const empty = JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [] });
    await oci.pushManifest(of, "empty", empty);
    await opened(await signedIn(), `/r/${of}`);
    const told = page.locator(`${row("empty")} .c-plat [aria-label]`);
    await told.waitFor();
    expect([await told.getAttribute("aria-label"), await told.textContent()]).toEqual([
      "no platform",
      "–",
    ]);
  });

  test("an image: its tag goes with it, or alone; by its digest it goes with all of them", async () => {
    const { oci } = there().world;
    const of = "page/app";
    const path = `/api/v1/repositories/${encodeURIComponent(of)}/tags`;
    const image = imageWithHistory("page", "amd64");
    await oci.pushImage(of, image, "1.0");
    await oci.pushManifest(of, "stable", image.manifest);
    const before = (await api(path)).body;
    const { page } = await signedIn();
    const asked = async (page_: string) => {
      await opened(await signedIn(), `/r/${of}${page_}`);
      await act(page, "delete-image");
      await page.waitForSelector("dialog .cons li > :not(.skel)");
      await page.waitForSelector("dialog .skel", { state: "detached" });
      return (await page.textContent("dialog")) ?? "";
    };
    // What was pushed when, and by whom, is as it was.
    const same = JSON.stringify(before.items);
    const undone = async () => {
      await act(page, "undo");
      await seen(path, (body) => JSON.stringify(body.items) === same);
    };
    const alone = await asked(":1.0");
    expect(alone).toMatch(/Goes1\.0[0-9a-f]{12}the tag alone/);
    expect(alone).toContain("Staysstablekeeps the image of 1.0");
    expect(alone).toContain("Freesnothing");
    expect(await findings(await signedIn(), null)).toEqual([]);
    await act(page, "confirm-delete-image-cancel");
    await act(page, "delete-image");
    await act(page, "confirm-delete-image");
    await page.waitForURL(`**/r/${of}`);
    await seen(path, (body) => tagNames(body).join() === "stable");
    await undone();

    const all = await asked(`@${image.digest}`);
    expect(all).toContain("Delete this image of page/app?");
    expect(all).toContain("stablegoes with its image");
    expect(all).not.toContain("Stays");
    await act(page, "confirm-delete-image");
    // Nobody waits for a first push where there were some.
    await page.waitForSelector(".emp a[href='/trash']");
    await undone();
    await page.waitForSelector(row("stable"));

    // What is locked says so, and stays.
    const { app } = there().world;
    expect((await app.api(anna, "PUT", `${path}/stable/lock`, {})).status).toBe(200);
    await opened(await signedIn(), `/r/${of}:stable`);
    await act(page, "delete-image");
    await page.waitForSelector("dialog .note");
    expect(await page.textContent("dialog .note")).toContain("locked");
    expect(await page.isDisabled("[data-action=confirm-delete-image]")).toBe(true);
    await app.api(anna, "DELETE", `${path}/stable/lock`);
    await oci.status(`/v2/${of}/manifests/stable`, "DELETE");
    await oci.pushImage("page/other", image, "1");
    const last = await asked(":1.0");
    expect(last).toContain("and its image");
    expect(last).not.toContain("Stays");
    expect(last).toContain("is shared, and stays while others hold it");
    await act(page, "confirm-delete-image");
    await page.waitForSelector(".emp a[href='/trash']");
    await act(page, "undo");
    await page.waitForSelector(row("1.0"));
    expect((await api(path)).body.items).toHaveLength(1);
  });

  test("an image: the files of its layers", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${withFiles}:1.0/files`);
    const open = async (path: string, action: string) => {
      clicked.add(action);
      await page.locator(`${row(path)} [data-action="${action}"]`).click();
    };
    await open("usr", "open-folder");
    await open("usr/bin", "open-folder");
    await page.waitForSelector(row("usr/bin/tool"));
    expect(new URL(page.url()).searchParams.get("path")).toBe("usr/bin");
    await open("usr/bin/tool", "show-file");
    await page.waitForSelector(".file .none");
    await open("usr", "open-folder");
    await page.waitForSelector(row("usr/bin"), { state: "detached" });
    await open("etc", "open-folder");
    await open("etc/os-release", "show-file");
    await page.waitForFunction(
      (word) => document.querySelector(".file pre")?.textContent === `NAME="${word}"\n`,
      evil,
    );
    await act(page, "copy", ".file");
    await page.waitForSelector(".file .k-done");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(evil);
    await open("large.bin", "show-file");
    await page.waitForSelector(".file .note");
    expect(await page.textContent(".file .note")).toContain("307200 bytes");
    await open(evil.replaceAll("/", ""), "show-file");
    await page.waitForFunction(
      (word) => document.querySelector(".file pre")?.textContent === word,
      evil,
    );
    // What a layer holds never changes: nobody asks for it twice.
    let asked = 0;
    const counts = (request: { url(): string }) => {
      if (request.url().includes("/layers/")) asked += 1;
    };
    page.on("request", counts);
    await Bun.sleep(2_100);
    const tags = page.waitForResponse((response) => response.url().includes("/images/1.0"));
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await tags;
    page.off("request", counts);
    expect(asked).toBe(0);
    await act(page, "close-file");
    await page.waitForSelector(".file", { state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.type("release");
    await page.waitForSelector(row("usr"), { state: "detached" });
    await page.waitForSelector(row("etc/os-release"));
    await opened(await signedIn(), `/r/${withFiles}:1.1/files`);
    await page.waitForSelector(row("etc"));
    const upper = (await page.locator("select[name=layer] option").count()) - 1;
    await page.selectOption("select[name=layer]", { index: upper });
    await open("etc", "open-folder");
    await page.waitForSelector(row("etc/.wh.localtime"));
    expect(await page.textContent(row("etc/.wh.localtime"))).toStartWith(
      "localtimedeleted from the layers below",
    );
    // A long digest stays beside the button; nobody can bring what a layer never had.
    await opened(await signedIn(), `/r/${withFiles}:1.0/files?path=none&file=none`);
    await page.waitForSelector(".file .note.bad");
    const [sentence, edges] = await page.evaluate(() => {
      const edge = (name: string, side: string) =>
        document.querySelector(`.file .note ${name}`).getBoundingClientRect()[side];
      const { textContent } = document.querySelector(".file .note .grow");
      return [textContent, { text: edge("b", "right"), button: edge(".btn", "left") }] as const;
    });
    expect(sentence).toMatch(/^There is no file none in sha256:[0-9a-f]{64}\.$/);
    expect(edges.text).toBeLessThan(edges.button);
  });

  test("compare: two tags, their files, platforms, the other way round", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${withFiles}`);
    for (const name of ["1.1", "1.0"]) await act(page, "select", row(name));
    await act(page, "compare-tags");
    await page.waitForURL((url) => url.pathname === "/compare");
    expect(new URL(page.url()).searchParams.get("a")).toBe(`${withFiles}:1.0`);
    const line = (name: string) => page.textContent(`.cmp ${row(name)}`);
    await page.waitForSelector(`.cmp ${row("etc/os-release")}.chg`);
    expect(await line("env VERSION")).toContain("1.01.1");
    await page.waitForSelector(`.cmp ${row("etc/localtime")}.del`);
    expect(await page.locator(`.cmp ${row("env SAME")}`).count()).toBe(0);
    await act(page, "swap-images");
    await page.waitForSelector(`.cmp ${row("etc/localtime")}.add`);
    await act(page, "copy-link");
    await page.waitForSelector(".place .k-done");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
    await page.fill("[name=b]", "no such image");
    await page.locator("[data-action=choose-image]").nth(1).click();
    await page.waitForSelector(".cmpside .t-bad");
    await act(page, "swap-images");
    await page.waitForSelector(".cmpside:first-of-type .t-bad");
    expect(await page.locator(".cmpside .t-bad").count()).toBe(1);
    await act(page, "swap-images");
    const host = new URL(page.url()).host;
    await page.fill("[name=b]", `${host}/${repository}:latest`);
    clicked.add("choose-image");
    await page.locator("[data-action=choose-image]").nth(1).click();
    await page.waitForSelector(".cmpside .t-bad", { state: "detached" });
    await page.selectOption("[name=b-platform]", "linux/arm64");
    await page.waitForFunction(
      () =>
        document.querySelectorAll(".sum dd")[4]?.textContent.trim() === "linux/amd64 → linux/arm64",
    );
    await opened(await signedIn(), `/r/${repository}:latest?platform=linux/arm64`);
    await act(page, "open-compare");
    await page.waitForSelector("[name=a-platform]");
    expect(await page.inputValue("[name=a-platform]")).toBe("linux/arm64");
    await opened(await signedIn(), `/r/${withFiles}`);
    await page.locator(`${row("1.0")} [aria-haspopup=menu]`).click();
    await act(page, "compare-tag", row("1.0"));
    await page.waitForURL((url) => url.searchParams.get("a") === `${withFiles}:1.0`);
  });

  test("a change that is made while a list is read is seen", async () => {
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    // Nothing is asked for by itself.
    await page.addInitScript("setInterval = () => 0");
    await page.goto(`/r/${repository}`);
    await page.waitForSelector(row("main"));
    const { body: before } = await api(tagsPath);
    const held = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    let isFirst = true;
    // For all of them, since a page that is no longer watched may lose what it asked for just then.
    await page.route(
      (url) => url.pathname === tagsPath,
      async (route) => {
        if (!isFirst) return await route.continue();
        isFirst = false;
        asked.resolve();
        await held.promise;
        await route.fulfill({ json: before });
      },
    );
    await Bun.sleep(2_100);
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await asked.promise;
    await page.locator(`${row("main")} [aria-haspopup=menu]`).click();
    await act(page, "lock-tag", row("main"));
    await seen(tagsPath, (body) => body.items.find((tag: Body) => tag.name === "main").locked_at);
    held.resolve();
    await page.waitForSelector(`${row("main")} .lock`);
    await there().world.app.api(anna, "DELETE", `${tagsPath}/main/lock`);
    await watched.close();
  });

  test("a push arrives while somebody looks", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), `/r/${repository}`);
    await page.waitForSelector(row("main"));
    const { oci } = there().world;
    await oci.pushImage(repository, imageWithHistory("arrives", "amd64"), "arrives");
    await lookAgain(page, row("arrives"));
    expect(await page.locator(`${row("arrives")}.new`).count()).toBe(1);
  });

  test("home: what happened, whose, what to look at", async () => {
    const { page } = await signedIn();
    const { app, oci } = there().world;
    await opened(await signedIn(), "/home");
    await page.waitForSelector(`.tt [data-name="${repository}:main"]`);
    const made = await app.api(anna, "POST", "/api/v1/users", { name: "pia", password: anna[1] });
    expect(made.status).toBe(201);
    const pia = createOciClient((path, init = {}) =>
      app.fetch(path, {
        ...init,
        headers: { ...basic(["pia", anna[1]]), ...Object.fromEntries(new Headers(init.headers)) },
      }),
    );
    await pia.pushImage("pia/tool", imageWithHistory("tool", "amd64"), "1");
    await oci.pushImage("web/storefront", imageWithHistory("fresh", "amd64"), "fresh");
    await lookAgain(page, '.tt [data-name="web/storefront:fresh"] .k-live');
    await page.waitForSelector('.tt [data-name="pia/tool:1"]');
    await act(page, "show-mine");
    await page.waitForSelector('.tt [data-name="pia/tool:1"]', { state: "detached" });
    expect(new URL(page.url()).searchParams.get("show")).toBe("mine");
    await page.waitForSelector('.tt [data-name="web/storefront:fresh"]');
    await act(page, "show-all");
    await page.waitForSelector('.tt [data-name="pia/tool:1"]');

    const robot = { name: "ending", role: "ci", expires_in_days: 3 };
    await app.api(anna, "POST", "/api/v1/projects/payments/robots", robot);
    await opened(await signedIn(), "/home");
    await page.click('.need [data-name="robot robot.payments.ending"] a');
    await page.waitForURL("**/robots?robot=robot.payments.ending");
    await app.api(anna, "DELETE", "/api/v1/projects/payments/robots/ending");
    await app.api(anna, "POST", "/api/v1/robots", robot);
    await opened(await signedIn(), "/home");
    await page.click('.need [data-name="robot robot.ending"] a');
    await page.waitForURL("**/admin/robots?robot=robot.ending");
    await app.api(anna, "DELETE", "/api/v1/robots/ending");

    const failing = {
      id: "w1",
      project: "payments",
      url: "https://ci.example.com/hook",
      failures: 6,
    };
    const webhooks = [{ ...failing, state: "active", failing_since: new Date().toISOString() }];
    await page.route("**/api/v1/attention", (route) =>
      route.fulfill({ json: { chores: [], webhooks, robots: [], trash: null } }),
    );
    await opened(await signedIn(), "/home");
    await page.click('.need [data-name="webhook w1"] a');
    await page.waitForURL("**/projects/payments/webhooks?webhook=w1");
    await page.unrouteAll();
  });

  test("home: who sees no push is told how, and may go on", async () => {
    await there().world.app.api(anna, "POST", "/api/v1/users", { name: "noah", password: anna[1] });
    const watched = await there().chromium.open(desktop);
    await signIn(watched, ["noah", anna[1]]);
    const { page } = watched;
    await page.waitForSelector(".guide .dock .k-live");
    await act(page, "guide-done");
    await page.waitForSelector("aside .need, aside .none");
    // The newest pushes are all of others: one of his may be behind them.
    await page.route("**/api/v1/recent/pushes?*", (route) =>
      route.fulfill({ json: { items: [], complete: false } }),
    );
    await page.goto("/home");
    await page.waitForSelector("aside .need, aside .none");
    expect(await page.locator(".guide").count()).toBe(0);

    const { app } = there().world;
    await app.api(anna, "POST", "/api/v1/projects", { name: "pier" });
    await app.api(anna, "PUT", "/api/v1/projects/pier/members/noah", { role: "reader" });
    await page.goto("/projects/pier");
    await page.waitForFunction(() => /you may not push here/.test(document.body.textContent));
    // To a part of it: the lines are for that part.
    const grant = { subject: "noah", pattern: "pier/crane", role: "ci" };
    await app.api(anna, "POST", "/api/v1/projects/pier/grants", grant);
    await page.goto("/projects/pier");
    await page.waitForFunction(() => /pier\/crane:3.22/.test(document.body.textContent));
    await watched.close();
  });

  test("the push guide: lines of each client, and the push that comes", async () => {
    const { page } = await signedIn();
    const { app, oci } = there().world;
    await app.api(anna, "POST", "/api/v1/projects", { name: "quay" });
    await opened(await signedIn(), "/projects/quay");
    const { host } = new URL(page.url());
    for (const client of ["podman", "crane", "skopeo", "helm", "oras", "docker"]) {
      await page.locator(`[data-action=guide-client][data-name=${client}]`).click();
      clicked.add("guide-client");
      await page.waitForFunction(
        (name) => document.querySelector(".step pre").textContent.includes(`${name} `),
        client,
      );
      await page.locator(".step").last().locator("[data-action=copy]").click();
      await page.waitForSelector(".step .k-done");
      const line = await page.evaluate(() => navigator.clipboard.readText());
      expect(line).toStartWith(client);
      expect(line).toContain(client === "helm" ? `oci://${host}/quay` : `${host}/quay/alpine:3.22`);
    }
    for (const action of ["guide-http", "guide-denied", "guide-host"]) {
      await act(page, action);
      await page.waitForSelector(`details[open] [data-action=${action}]`);
    }
    await page.waitForSelector(".dock .k-live");
    await oci.pushImage("quay/alpine", imageWithHistory("first", "amd64"), "3.22");
    await page.waitForSelector(".dock .kv a[href='/r/quay/alpine:3.22']");
    expect(await page.locator(".step .k-done").count()).toBe(3);
    await act(page, "guide-done");
    await page.waitForSelector(row("quay/alpine"));

    await opened(await signedIn(), "/push?client=crane");
    expect(await page.locator(".step").count()).toBe(2);
    // What is there already is not what one waits for.
    await page.waitForResponse((response) => response.url().includes("/recent/pushes"));
    await oci.pushImage("quay/alpine", imageWithHistory("second", "amd64"), "second");
    await page.waitForSelector(".dock .kv a[href='/r/quay/alpine:second']");
  });

  test("trash: restore, erase, empty", async () => {
    const { app, oci } = there().world;
    for (const tag of ["t1", "t2", "t3", "t4", "t5"]) {
      await oci.pushImage("web/storefront", imageWithHistory(tag, "amd64"), tag);
    }
    const digestOf = async (tag: string) =>
      (await api("/api/v1/repositories/web%2Fstorefront/tags")).body.items.find(
        (each: Body) => each.name === tag,
      ).digest;
    const digests = await Promise.all(["t1", "t2", "t3", "t4", "t5"].map(digestOf));
    await app.api(anna, "POST", "/api/v1/repositories/web%2Fstorefront/removals", { digests });
    const { page } = await signedIn();
    await opened(await signedIn(), "/trash?q=web/");
    const units = async () => (await api("/api/v1/trash?repository=web%2Fstorefront")).body.items;
    const unit = async (tag: string) => {
      const found = (await units()).find((each: Body) => each.tags.includes(tag));
      return row(found.id);
    };
    const gone = async (tag: string) =>
      seen(
        "/api/v1/trash?repository=web%2Fstorefront",
        (body) => !body.items.some((each: Body) => each.tags.includes(tag)),
      );
    await act(page, "restore", await unit("t1"));
    await gone("t1");
    await seen("/api/v1/repositories/web%2Fstorefront/tags", (body) =>
      tagNames(body).includes("t1"),
    );
    await act(page, "select", await unit("t2"));
    await page.route(
      "**/api/v1/trash/restore",
      (route) => route.fulfill({ status: 507, json: { detail: "no room" } }),
      { times: 1 },
    );
    await act(page, "restore-selected");
    await page.waitForFunction(() =>
      /Not done: no room/.test(document.querySelector(".toast")?.textContent),
    );
    await act(page, "restore-selected");
    await gone("t2");
    await page.waitForSelector(".selbar", { state: "detached" });
    await page.locator(await unit("t3")).hover();
    await act(page, "erase", await unit("t3"));
    await act(page, "confirm-erase-cancel");
    await page.locator(await unit("t3")).hover();
    await act(page, "erase", await unit("t3"));
    expect(await page.locator("[data-action=confirm-erase]").isDisabled()).toBe(true);
    await type(page, "word", "erase");
    await act(page, "confirm-erase");
    await gone("t3");
    await act(page, "select", await unit("t4"));
    await act(page, "erase-selected");
    await type(page, "word", "erase");
    await act(page, "confirm-erase");
    await gone("t4");
    await act(page, "empty-trash");
    await act(page, "confirm-empty-trash-cancel");
    await act(page, "empty-trash");
    await type(page, "word", "erase");
    await act(page, "confirm-empty-trash");
    await seen("/api/v1/trash", (body) => body.items.length === 0);
  });

  test("projects: as cards, kept by the browser, and as a table again", async () => {
    const { app } = there().world;
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    for (let count = 0; count < 50; count++) {
      await app.api(anna, "POST", "/api/v1/projects", { name: `z-many-${count}` });
    }
    await page.goto("/projects");
    await page.waitForSelector(row("payments"));
    await act(page, "projects-as-cards");
    await page.waitForSelector(".cards [data-name=payments] .chip");
    await page.reload();
    await page.waitForSelector(".cards [data-name=payments] .num");
    expect(await page.locator(".cards > li").count()).toBe(48);
    await act(page, "more-cards");
    await page.waitForSelector(".cards [data-name='z-many-49']");
    expect(await page.textContent(".cards [data-name=payments]")).toContain("Ledger postings");
    expect(await page.locator("[data-action=more-cards]").count()).toBe(0);
    expect(await findings(watched, null)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - document.body.clientWidth),
    ).toBe(0);
    await page.setViewportSize(desktop.viewport);
    await act(page, "projects-as-table");
    await page.waitForSelector(row("payments"));
    for (let count = 0; count < 50; count++) {
      await app.api(anna, "DELETE", `/api/v1/projects/z-many-${count}`);
    }
    expect(watched.faults).toEqual([]);
    await watched.close();
  });

  test("a project: make, describe, members, rules, delete", async () => {
    const { app } = there().world;
    await app.api(anna, "POST", "/api/v1/users", { name: "piotr", password: "another battery" });
    const { page } = await signedIn();
    await opened(await signedIn(), "/projects");
    await act(page, "new-project");
    await act(page, "make-project-cancel");
    await act(page, "new-project");
    await type(page, "name", "Bad Name");
    await act(page, "make-project");
    await page.waitForSelector("dialog .note.bad");
    await type(page, "name", "harbour");
    await act(page, "make-project");
    await page.waitForURL("**/projects/harbour");
    await seen("/api/v1/projects/harbour", (body) => body?.visibility === "private");
    await opened(await signedIn(), "/projects/harbour/settings");
    await page.selectOption("[name=visibility]", "internal");
    await type(page, "trash_days", "3");
    await type(page, "untagged_days", "30");
    await act(page, "save-project");
    await seen(
      "/api/v1/projects/harbour",
      (body) =>
        body.visibility === "internal" && body.trash_days === 3 && body.untagged_days === 30,
    );
    const stale = (await api("/api/v1/projects/harbour")).body;
    await page.route(
      (url) => url.pathname === "/api/v1/projects/harbour",
      (route) =>
        route.request().method() === "GET" ? route.fulfill({ json: stale }) : route.continue(),
    );
    await opened(await signedIn(), "/projects/harbour/settings");
    await app.api(anna, "PATCH", "/api/v1/projects/harbour", { visibility: "private" });
    await type(page, "description", "Ships");
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await act(page, "save-project");
    expect((await sent).postDataJSON()).toEqual({ description: "Ships" });
    await page.waitForSelector("form .note.bad");
    await seen(
      "/api/v1/projects/harbour",
      (body) => body.visibility === "private" && body.description === "",
    );
    await page.unrouteAll();
    await opened(await signedIn(), "/projects/harbour/members");
    await act(page, "add-member");
    await act(page, "confirm-add-member-cancel");
    await act(page, "add-member");
    await type(page, "member", "piotr");
    await act(page, "confirm-add-member");
    const members = "/api/v1/projects/harbour/members";
    const roleOf = (body: Body) => body.items.find((each: Body) => each.member === "piotr")?.role;
    await seen(members, (body) => roleOf(body) === "developer");
    await page.locator(`${row("piotr")} [aria-haspopup=menu]`).click();
    await act(page, "role-maintainer", row("piotr"));
    await seen(members, (body) => roleOf(body) === "maintainer");
    await act(page, "remove-member", row("piotr"));
    await act(page, "confirm-remove-member-cancel");
    await act(page, "remove-member", row("piotr"));
    await act(page, "confirm-remove-member");
    await seen(members, (body) => roleOf(body) === undefined);
    await act(page, "undo");
    await seen(members, (body) => roleOf(body) === "maintainer");

    await opened(await signedIn(), "/projects/harbour/rules");
    const rules = "/api/v1/projects/harbour/tag-rules";
    await act(page, "add-rule");
    await act(page, "confirm-add-rule-cancel");
    await act(page, "add-rule");
    await type(page, "tags", "v* *.*.*");
    await type(page, "except", "*-rc*");
    await act(page, "confirm-add-rule");
    await seen(
      rules,
      (body) => body.items[0]?.tags.length === 2 && body.items[0].except_tags[0] === "*-rc*",
    );
    await act(page, "remove-rule");
    await act(page, "confirm-remove-rule-cancel");
    await act(page, "remove-rule");
    await act(page, "confirm-remove-rule");
    await seen(rules, (body) => body.items.length === 0);

    await opened(await signedIn(), "/projects/harbour/check");
    await type(page, "user", "piotr");
    await page.selectOption("[name=action]", "delete");
    await act(page, "check-access");
    await page.waitForSelector(".verdict .k-done");
    await page.selectOption("[name=action]", "project:manage");
    await act(page, "check-access");
    await page.waitForSelector(".verdict .k-failed");

    await opened(await signedIn(), "/projects/harbour/settings");
    await act(page, "delete-project");
    await act(page, "confirm-delete-project-cancel");
    await act(page, "delete-project");
    await act(page, "confirm-delete-project");
    await seen("/api/v1/projects/harbour", (body) => body === null);
    await page.waitForURL("**/projects");
  });

  test("a repository: describe, label, delete, undo", async () => {
    const { page } = await signedIn();
    const path = "/api/v1/repositories/web%2Fstorefront";
    await opened(await signedIn(), "/r/web/storefront/-/about");
    await type(page, "description", "The shop");
    await type(page, "labels", "team=web\nthe first");
    await act(page, "save-repository");
    await page.waitForSelector("form .note.bad");
    expect(await page.textContent("form .note.bad")).toContain("“the first” is no label");
    const labels = { team: "web", tier: "1", title: "Hello, World\nof = labels " };
    await type(page, "labels", "team=web\ntier = 1\n");
    await act(page, "save-repository");
    await seen(path, (body) => body.description === "The shop" && body.labels.tier === "1");
    await there().world.app.api(anna, "PATCH", path, { labels });
    await opened(await signedIn(), "/r/web/storefront/-/about");
    const typed = await page.inputValue("[name=labels]");
    expect(typed).toBe("team=web\ntier=1\ntitle=Hello, World of = labels");
    await type(page, "labels", `${typed}\nowner=Ann Smith`);
    await act(page, "save-repository");
    await seen(path, (body) => Bun.deepEquals(body.labels, { ...labels, owner: "Ann Smith" }));
    const stale = (await api(path)).body;
    const isRepository = (url: URL) => url.pathname === path;
    await page.route(isRepository, (route) =>
      route.request().method() === "GET" ? route.fulfill({ json: stale }) : route.continue(),
    );
    await opened(await signedIn(), "/r/web/storefront/-/about");
    await there().world.app.api(anna, "PATCH", path, { labels: { team: "shop" } });
    await type(page, "description", "Of others");
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await act(page, "save-repository");
    expect((await sent).postDataJSON()).toEqual({ description: "Of others" });
    await page.waitForSelector("form .note.bad");
    await seen(path, (body) => body.labels.team === "shop" && body.description === "The shop");
    await page.unrouteAll();
    await opened(await signedIn(), "/r/web/storefront/-/about");
    await act(page, "delete-repository");
    await act(page, "confirm-delete-repository-cancel");
    await act(page, "delete-repository");
    await act(page, "confirm-delete-repository");
    await seen(path, (body) => body === null);
    await act(page, "undo");
    await seen(path, (body) => body?.description === "The shop");
  });

  test("robots: make, rotate, pause, delete, snippets", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), "/projects/payments/robots");
    const robots = "/api/v1/projects/payments/robots";
    await act(page, "new-robot");
    // What a name may be is said before one is refused.
    expect(await page.textContent("dialog")).toContain("robot.payments.NAME");
    expect(await page.locator("dialog [name=role] option").allTextContents()).toContain(
      "CI: pulls and pushes",
    );
    await act(page, "make-robot-cancel");
    await act(page, "new-robot");
    await type(page, "name", "release");
    await act(page, "make-robot");
    await page.waitForSelector(".once code");
    const first = (await page.textContent(".once code")) ?? "";
    const { app } = there().world;
    const name = "robot.payments.release";
    expect((await app.api([name, first], "GET", "/api/v1/projects")).status).toBe(200);
    for (const place of ["podman", "crane", "kubernetes", "github", "gitlab", "docker"]) {
      await act(page, `snippet-${place}`);
      // This test's registry is at a loopback address.
      const text = await page.textContent(".snippet");
      expect(text).toContain(place === "kubernetes" ? "BERTH_URL" : new URL(page.url()).host);
      expect(await page.locator(".snippet pre").count()).toBe(place === "kubernetes" ? 0 : 1);
    }
    await act(page, "rotate-robot");
    await act(page, "confirm-rotate-robot-cancel");
    await act(page, "rotate-robot");
    await act(page, "confirm-rotate-robot");
    await page.waitForFunction(
      (old) => document.querySelector(".once code")?.textContent !== old,
      first,
    );
    await seen(`${robots}/release`, (body) => body.secrets.length === 2);
    await act(page, "pause-robot");
    await seen(`${robots}/release`, (body) => body.disabled === true);
    await act(page, "resume-robot");
    await seen(`${robots}/release`, (body) => body.disabled === false);
    await act(page, "new-robot");
    await type(page, "name", "second");
    await act(page, "make-robot");
    await page.waitForSelector("[data-name='robot.payments.second']");
    await act(page, "choose-robot", ".rl");
    await page.locator(`.rl [data-name="${name}"]`).click();
    await page.waitForFunction(
      (wanted) => document.querySelector(".rd h2")?.textContent === wanted,
      name,
    );
    await act(page, "delete-robot");
    await act(page, "confirm-delete-robot-cancel");
    await act(page, "delete-robot");
    await act(page, "confirm-delete-robot");
    await seen(robots, (body) => !body.items.some((robot: Body) => robot.name === name));
  });

  test("webhooks of the whole registry: the same, told of every project", async () => {
    const receiver = openReceiver();
    const { page } = await signedIn();
    const { app, oci } = there().world;
    const webhooks = "/api/v1/webhooks";
    await opened(await signedIn(), "/admin/webhooks");
    await act(page, "new-webhook");
    await type(page, "url", `${receiver.url}/all`);
    await page.check("[name=events][value='project.created']");
    await act(page, "make-webhook");
    await page.waitForSelector(".once code");
    await seen(webhooks, (body) => body.items[0]?.events.includes("project.created"));
    const [made] = (await api(webhooks)).body.items;
    const shown = `${webhooks}/${made.id}`;
    await app.api(anna, "POST", "/api/v1/projects", { name: "told" });
    await oci.pushImage("told/app", imageWithHistory("told", "amd64"), "1");
    await seen(`${shown}/deliveries`, (body) =>
      ["project.created", "image.pushed"].every((wanted) =>
        body.items.some((each: Body) => each.type === wanted && each.state === "delivered"),
      ),
    );
    await opened(await signedIn(), `/admin/webhooks?webhook=${made.id}`);
    await act(page, "open-delivery");
    await act(page, "redeliver");
    await seen(`${shown}/deliveries`, (body) => body.items.length >= 3);
    await act(page, "edit-webhook");
    await type(page, "pattern", "told/**");
    await act(page, "save-webhook");
    await seen(shown, (body) => body.pattern === "told/**");
    await act(page, "replay");
    await act(page, "confirm-replay");
    await page.waitForSelector(".toast");
    await act(page, "pause-webhook");
    await seen(shown, (body) => body.state === "paused");
    await act(page, "test-webhook");
    await page.waitForURL(/delivery=/);
    await act(page, "redeliver-cancel");
    await act(page, "delete-webhook");
    await act(page, "confirm-delete-webhook");
    await seen(webhooks, (body) => body.items.length === 0);
    await page.waitForSelector(".emp");
    await app.api(anna, "DELETE", "/api/v1/projects/told");
    await receiver.stop();
  });

  test("webhooks: make, test, edit, pause, deliver again, replay, delete", async () => {
    const receiver = openReceiver();
    const { page } = await signedIn();
    const { oci } = there().world;
    await opened(await signedIn(), "/projects/web/webhooks");
    const webhooks = "/api/v1/projects/web/webhooks";
    await act(page, "new-webhook");
    await act(page, "make-webhook-cancel");
    await act(page, "new-webhook");
    await type(page, "url", `${receiver.url}/builds`);
    await page.uncheck("[name=events][value='tag.moved']");
    await page.check("[name=events][value='repository.changed']");
    await act(page, "make-webhook");
    await page.waitForSelector(".once code");
    const secret = (await page.textContent(".once code")) ?? "";
    const [made] = (await api(webhooks)).body.items;
    expect([made.pattern, made.format, made.events.includes("tag.moved")]).toEqual([
      "**",
      "cloudevents",
      false,
    ]);
    const deliveries = `${webhooks}/${made.id}/deliveries`;
    receiver.answer = () => new Response("<b>not now</b>", { status: 503 });
    await act(page, "test-webhook");
    await page.waitForSelector("dialog .t-bad");
    expect(await page.textContent("dialog")).toContain("<b>not now</b>");
    expect(await page.locator("[data-action=redeliver]").isDisabled()).toBe(true);
    expect(await page.locator("[data-action=redeliver]").getAttribute("title")).toContain("A test");
    const [tested] = (await api(deliveries)).body.items;
    expect([tested.type, tested.status]).toEqual(["test", 503]);
    expect(new URL(page.url()).searchParams.get("delivery")).toBe(tested.id);
    const got = receiver.received[0];
    const key = createHmac("sha256", secret).update(got?.text ?? "");
    expect(got?.headers.get("x-hub-signature-256")).toBe(`sha256=${key.digest("hex")}`);
    await act(page, "redeliver-cancel");

    receiver.answer = () => new Response("thanks");
    await oci.pushImage("web/hooked", imageWithHistory("hooked", "amd64"), "1");
    await seen(deliveries, (body) =>
      body.items.some((each: Body) => each.type === "image.pushed" && each.state === "delivered"),
    );
    const count = async () => (await api(deliveries)).body.items.length;
    const before = await count();
    await opened(await signedIn(), `/projects/web/webhooks?webhook=${made.id}`);
    await act(page, "open-delivery");
    await page.waitForFunction(() => /thanks/.test(document.querySelector("dialog")?.textContent));
    expect(await page.textContent("dialog")).toContain("web/hooked");
    await act(page, "redeliver");
    await seen(deliveries, (body) => body.items.length === before + 1);
    await seen(deliveries, (body) => body.items.every((each: Body) => each.state !== "pending"));
    await act(page, "replay");
    await act(page, "confirm-replay-cancel");
    await act(page, "replay");
    await act(page, "confirm-replay");
    await page.waitForSelector(".toast");
    await seen(deliveries, (body) => body.items.length > before + 1);

    const shown = `${webhooks}/${made.id}`;
    await act(page, "edit-webhook");
    await act(page, "save-webhook-cancel");
    await act(page, "edit-webhook");
    await there().world.app.api(anna, "PATCH", shown, { description: "of others" });
    await type(page, "pattern", "web/hook*");
    await act(page, "save-webhook");
    await page.waitForSelector("dialog .note.bad");
    await act(page, "save-webhook-cancel");
    await page.waitForFunction(() => /of others/.test(document.querySelector(".rd")?.textContent));
    await act(page, "edit-webhook");
    await type(page, "pattern", "web/hook*");
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await act(page, "save-webhook");
    expect((await sent).postDataJSON()).toEqual({ pattern: "web/hook*" });
    await seen(shown, (body) => body.pattern === "web/hook*" && body.description === "of others");
    await act(page, "pause-webhook");
    await seen(shown, (body) => body.state === "paused");
    await act(page, "resume-webhook");
    await seen(shown, (body) => body.state === "active");

    await act(page, "new-webhook");
    await type(page, "url", `${receiver.url}/chat`);
    await page.selectOption("[name=format]", "text");
    await type(page, "template", "{actor} did {type}");
    await act(page, "make-webhook");
    await seen(webhooks, (body) =>
      body.items.some((each: Body) => each.template === "{actor} did {type}"),
    );
    await page.waitForSelector(".rl > button:nth-child(2)");
    await act(page, "choose-webhook", ".rl");
    await page.waitForURL((url) => url.searchParams.get("webhook") === made.id);
    await act(page, "delete-webhook");
    await act(page, "confirm-delete-webhook-cancel");
    await act(page, "delete-webhook");
    await act(page, "confirm-delete-webhook");
    await seen(webhooks, (body) => body.items.length === 1 && body.items[0].id !== made.id);
    await receiver.stop();
  });

  test("workload identity: an issuer, a rule, who a token would be", async () => {
    const issuer = await startIssuer();
    const { app } = there().world;
    await app.api(anna, "POST", "/api/v1/projects/payments/robots", { name: "job", role: "ci" });
    const { page } = await signedIn();
    await opened(await signedIn(), "/admin/workloads");
    const issuers = "/api/v1/issuers";
    await act(page, "new-issuer");
    await act(page, "make-issuer-cancel");
    await act(page, "new-issuer");
    await type(page, "name", "forge");
    await type(page, "url", issuer.url);
    await type(page, "audiences", "https://registry.example");
    await page.check("[name=inner]");
    await type(page, "jwks", '{"keys": "none"}');
    await act(page, "test-issuer");
    await page.waitForSelector("dialog .note.bad");
    await type(page, "jwks", "");
    await act(page, "test-issuer");
    await page.waitForSelector("dialog .note.ok");
    expect(await page.textContent("dialog .note.ok")).toContain("key-1 (ES256)");
    expect((await api(issuers)).body.items).toEqual([]);
    await act(page, "make-issuer");
    await seen(issuers, (body) => body.items[0]?.url === issuer.url && body.items[0].inner);
    const more = async (action: string) => {
      await page.locator(`${row("forge")} [aria-haspopup=menu]`).click();
      await act(page, action, row("forge"));
    };
    await more("edit-issuer");
    await act(page, "save-issuer-cancel");
    await more("edit-issuer");
    await type(page, "description", "Our forge");
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await act(page, "save-issuer");
    expect((await sent).postDataJSON()).toEqual({ description: "Our forge" });
    await seen(`${issuers}/forge`, (body) => body.description === "Our forge");

    const trusts = "/api/v1/trusts";
    await act(page, "new-trust");
    await act(page, "make-trust-cancel");
    await act(page, "new-trust");
    await type(page, "claims", "repository");
    await type(page, "robot", "robot.payments.job");
    await act(page, "make-trust");
    await page.waitForSelector("dialog .note.bad");
    expect(await page.textContent("dialog .note.bad")).toBe(
      "“repository” is no claim: write name=value.",
    );
    await type(page, "claims", "repository=acme/app\nref=refs/heads/*");
    await act(page, "make-trust");
    await seen(
      trusts,
      (body) =>
        body.items[0]?.robot === "robot.payments.job" &&
        body.items[0].claims.repository === "acme/app" &&
        body.items[0].claims.ref === "refs/heads/*",
    );

    const claims = { aud: "https://registry.example", sub: "job:1", ref: "refs/heads/main" };
    const fits = await issuer.sign({ ...claims, jti: "1", repository: "acme/app" });
    await type(page, "token", fits);
    await act(page, "explain-token");
    await page.waitForSelector(".verdict .k-done");
    expect(await page.textContent("main")).toContain("repository:push");
    const misfits = await issuer.sign({ ...claims, jti: "2", repository: "acme/<b>other</b>" });
    await type(page, "token", misfits);
    await act(page, "explain-token");
    await page.waitForSelector(".verdict .k-failed");
    expect(await page.textContent(".ch")).toContain("acme/<b>other</b>");
    expect(page.url()).not.toContain(misfits.slice(0, 20));

    await act(page, "delete-trust");
    await act(page, "confirm-delete-trust-cancel");
    await act(page, "delete-trust");
    await act(page, "confirm-delete-trust");
    await seen(trusts, (body) => body.items.length === 0);
    await more("delete-issuer");
    await act(page, "confirm-delete-issuer-cancel");
    await more("delete-issuer");
    await act(page, "confirm-delete-issuer");
    await seen(issuers, (body) => body.items.length === 0);
    await issuer.stop();
  });

  test("sign-in providers: try, make, edit, delete", async () => {
    const provider = await startProvider();
    const { page } = await signedIn();
    await opened(await signedIn(), "/admin/providers");
    const providers = "/api/v1/providers";
    await act(page, "new-provider");
    await act(page, "make-provider-cancel");
    await act(page, "new-provider");
    await type(page, "name", "company");
    await type(page, "url", provider.url);
    await type(page, "title", "Company account");
    await type(page, "client_id", "berth");
    await type(page, "client_secret", "wrong");
    await page.check("[name=inner]");
    const problems = () => page.locator("dialog .note.bad").textContent();
    await act(page, "test-provider");
    await page.waitForSelector("dialog .note.bad");
    expect(await problems()).toContain("does not take the client's id and secret");
    await type(page, "client_secret", clientSecret);
    await act(page, "test-provider");
    await page.waitForFunction(
      () => !/secret/.test(document.querySelector("dialog .note.bad")?.textContent),
    );
    // The registry of these tests has no address of its own, which is all that is wrong.
    expect(await problems()).toContain("BERTH_URL is not set");
    expect((await api(providers)).body.items).toEqual([]);
    await act(page, "make-provider");
    const shown = `${providers}/company`;
    await seen(shown, (body) => body?.has_secret && body.inner && body.makes_accounts);
    const directory = {
      ...(await api(shown)).body,
      ...{ name: "people", kind: "ldap", title: "People", client_id: null, redirect_uri: null },
      ...{ bind_dn: "cn=berth", synced_at: new Date().toISOString(), sync_trouble: "no answer" },
    };
    await page.route(`**${providers}?*`, (route) =>
      route.fulfill({ json: { items: [directory], next: null } }),
    );
    await opened(await signedIn(), "/admin/providers");
    await page.waitForSelector(`${row("people")} .chip.warn`);
    expect(await page.textContent(row("people"))).toContain("just now: no answer");
    expect(await page.locator(`${row("people")} [title$=cn\\=berth]`).count()).toBe(1);
    await page.unrouteAll();
    await opened(await signedIn(), "/admin/providers");
    const more = async (action: string) => {
      await page.locator(`${row("company")} [aria-haspopup=menu]`).click();
      await act(page, action, row("company"));
    };
    await more("edit-provider");
    await act(page, "save-provider-cancel");
    await more("edit-provider");
    await type(page, "groups_claim", "groups");
    await page.uncheck("[name=makes_accounts]");
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await act(page, "save-provider");
    expect((await sent).postDataJSON()).toEqual({ groups_claim: "groups", makes_accounts: false });
    await seen(shown, (body) => body.groups_claim === "groups" && body.has_secret);
    await page.waitForSelector(`${row("company")} .chip:nth-child(3)`);
    await more("delete-provider");
    await act(page, "confirm-delete-provider-cancel");
    await more("delete-provider");
    await act(page, "confirm-delete-provider");
    await seen(shown, (body) => body === null);
    await provider.stop();
  });

  test.skipIf(noSlapd !== null)(
    noSlapd === null
      ? "directories: try, make, edit, compare"
      : `directories (skipped: ${noSlapd})`,
    async () => {
      const directory = await startSlapd(["bob", "carol"].map((name) => person(name)).join("\n"));
      endDirectory = directory.remove;
      directory.change(group("dev", [`uid=bob,${people}`]));
      const watched = await there().chromium.open(desktop);
      await signIn(watched);
      const { page } = watched;
      const { app } = there().world;
      const providers = "/api/v1/providers";
      const shown = `${providers}/corp`;
      await opened(watched, "/admin/providers");
      await act(page, "new-directory");
      await act(page, "make-directory-cancel");
      await act(page, "new-directory");
      for (const [name, value] of Object.entries({
        ...{ name: "corp", title: "Corporation", url: directory.url, ca: directory.ca },
        ...{ base: people, bind_dn: bindDn, bind_password: "wrong", try_user: "bob" },
      })) {
        await type(page, name, value);
      }
      const told = (kind: string) => page.waitForSelector(`dialog .note.${kind}`);
      await act(page, "test-directory");
      await told("bad");
      await type(page, "bind_password", bindPassword);
      await type(page, "try_password", "not this");
      await act(page, "test-directory");
      await page.waitForFunction(() =>
        /not the password/.test(document.querySelector("dialog .note.bad")?.textContent),
      );
      await type(page, "try_password", passwordOf("bob"));
      await act(page, "test-directory");
      await told("ok");
      expect(await page.textContent("dialog .kv")).toContain(`cn=dev,${groups}`);
      expect(await findings(watched, null)).toEqual([]);
      expect((await api(providers)).body.items).toEqual([]);
      const sent = page.waitForRequest((request) => request.method() === "POST");
      await act(page, "make-directory");
      expect((await sent).postDataJSON()).not.toHaveProperty("user_password");
      await seen(shown, (body) => body?.has_secret && body.ca === directory.ca.trim());
      const bob = await app.api(["bob", passwordOf("bob")], "GET", "/api/v1/account");
      expect([bob.status, bob.body.name]).toEqual([200, "bob"]);

      const more = async (action: string) => {
        await page.locator(`${row("corp")} [aria-haspopup=menu]`).click();
        await act(page, action, row("corp"));
      };
      await page.waitForSelector(row("corp"));
      await more("edit-provider");
      await act(page, "save-directory-cancel");
      await more("edit-provider");
      expect(await page.inputValue("[name=bind_password]")).toBe("");
      await act(page, "test-directory");
      await told("bad");
      expect(await page.textContent("dialog .note.bad")).toContain("type it once more");
      await page.selectOption("[name=binding]", "self");
      await type(page, "user_dn", `uid={name},${people}`);
      await type(page, "filter", "(uid=*)");
      const patched = page.waitForRequest((request) => request.method() === "PATCH");
      await act(page, "save-directory");
      expect((await patched).postDataJSON()).toEqual({
        ...{ user_dn: `uid={name},${people}`, filter: "(uid=*)" },
      });
      await seen(shown, (body) => body.filter === "(uid=*)" && body.has_secret);
      await page.waitForSelector("dialog", { state: "detached" });

      await act(page, "new-group-rule");
      await act(page, "confirm-add-group-rule-cancel");
      await act(page, "new-group-rule");
      await type(page, "value", `cn=dev,${groups}`);
      await type(page, "group", "developers");
      await act(page, "confirm-add-group-rule");
      await told("bad");
      await page.check("[name=make_group]");
      await page.selectOption("[name=project]", "payments");
      await page.selectOption("[name=role]", "developer");
      await act(page, "confirm-add-group-rule");
      const rules = `${shown}/group-rules`;
      await seen(rules, (body) => body.items[0]?.group === "developers");
      await seen("/api/v1/projects/payments/members", (body) =>
        body.items.some((each: Body) => each.member === "group:developers"),
      );
      await page.waitForSelector(".grules [data-row]");

      directory.change(`dn: uid=bob,${people}\nchangetype: delete\n\n`);
      await more("compare-directory");
      await act(page, "confirm-compare-directory-cancel");
      await more("compare-directory");
      await page.waitForSelector("dialog .cons li");
      expect(await page.textContent("dialog .cons li")).toBe("bob");
      expect((await api("/api/v1/users/bob")).body.disabled).toBe(false);
      await act(page, "confirm-compare-directory");
      await seen("/api/v1/users/bob", (body) => body.disabled);
      await page.waitForSelector("dialog", { state: "detached" });

      await act(page, "delete-group-rule");
      await act(page, "confirm-delete-group-rule-cancel");
      await act(page, "delete-group-rule");
      await act(page, "confirm-delete-group-rule");
      await seen(rules, (body) => body.items.length === 0);
      await act(page, "undo");
      await seen(rules, (body) => body.items.length === 1);
      await app.api(anna, "DELETE", shown);
      await app.api(anna, "DELETE", "/api/v1/groups/developers");
      expect(watched.faults).toEqual([]);
      await watched.close();
    },
    60_000,
  );

  test("stars: given and taken in lists, on pages and at home", async () => {
    const { page } = await signedIn();
    const stars = "/api/v1/stars";
    const names = (body: Body): string[] => body.items.map((star: Body) => star.name);
    await opened(await signedIn(), "/home");
    await page.waitForFunction(() =>
      /Nothing yet/.test(document.querySelector("main").textContent),
    );
    await opened(await signedIn(), "/projects");
    await page.hover(row("payments"));
    await act(page, "star", row("payments"));
    await seen(stars, (body) => names(body).join() === "payments");
    await page.waitForSelector(`${row("payments")} .star[aria-pressed=true]`);
    await opened(await signedIn(), "/projects/payments");
    await page.waitForSelector(".place .star[aria-pressed=true]");
    await page.hover(row(repository));
    await act(page, "star", row(repository));
    await seen(stars, (body) => names(body).join() === `payments,${repository}`);
    await act(page, "star", ".place");
    await seen(stars, (body) => names(body).join() === repository);
    await opened(await signedIn(), "/home");
    await page.waitForSelector(`.starred [data-name="${repository}"]`);
    expect(await page.locator(".starred li").count()).toBe(1);
    await page.click(`.starred a`);
    await page.waitForSelector(".place .star[aria-pressed=true]");
    await act(page, "star", ".place");
    await seen(stars, (body) => body.items.length === 0);
    await page.waitForSelector(".place .star[aria-pressed=false]");
  });

  test("growth: a day alone, then a chart of days, and the same as a table", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    const history = "/api/v1/usage/history";
    await seen(history, (body) => body.items.length === 1);
    await opened(await signedIn(), "/admin/storage");
    // What was counted at the start of a server that was empty then says nothing of now.
    await app.rows("update storage_days set stored_bytes = 0, logical_bytes = 0, blobs = 0");
    await opened(await signedIn(), "/admin/storage");
    await page.waitForFunction(() =>
      /begins with the second day. Now: [1-9].* stored.*[1-9] blobs/.test(
        document.querySelector("main").textContent,
      ),
    );
    for (const ago of [1, 2, 3, 40, 41, 100]) {
      const at = Date.now() - ago * 86_400_000;
      const day = new Date(at).toISOString().slice(0, 10);
      await app.rows(
        "insert into storage_days (day, stored_bytes, logical_bytes, trash_bytes, blobs, measured_at) values (?, ?, ?, ?, ?, ?)",
        ...[day, 5_000 - ago, 9_000, 1_000, 7, at],
      );
    }
    await opened(await signedIn(), "/admin/storage");
    await page.waitForSelector(".chart svg");
    clicked.add("growth-day");
    const told = () => page.getAttribute("[data-action=growth-day]", "aria-valuetext");
    await page.focus("[data-action=growth-day]");
    expect(await told()).not.toContain("0 B stored");
    await page.keyboard.press("ArrowLeft");
    const [, yesterday] = (await api(history)).body.items;
    expect(await told()).toContain("5.00 KB stored, 1.00 KB of it in the trash");
    await page.keyboard.press("Home");
    expect(await told()).toContain("4.96 KB stored");
    await act(page, "growth-days");
    await page.waitForFunction(() => location.search.includes("days=30"));
    await page.waitForSelector("[data-action=growth-day][max='3']");
    await act(page, "growth-table");
    await page.waitForSelector(row(yesterday.day));
    expect(await page.locator(".grow-t [data-row]").count()).toBe(4);
    await page.locator("[data-action=growth-days]").last().click();
    await page.waitForSelector(".grow-t [data-row='6']");
    expect(await page.locator(".grow-t [data-row]").count()).toBe(
      (await api(history)).body.items.length,
    );
  });

  test("administration: groups and their members", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    await opened(await signedIn(), "/admin/groups");
    await act(page, "new-group");
    await act(page, "make-group-cancel");
    for (const name of ["platform", "release"]) {
      await act(page, "new-group");
      await type(page, "name", name);
      await type(page, "description", `the ${name} crew`);
      await act(page, "make-group");
      await page.waitForFunction((made) => location.search === `?group=${made}`, name);
    }
    await seen("/api/v1/groups/release", (body) => body.description === "the release crew");
    const members = "/api/v1/groups/platform/members";
    const isIn = (body: Body) => body.items.some(({ member }: Body) => member === "nora");
    await app.api(anna, "POST", "/api/v1/users", { name: "nora", password: anna[1] });
    const path = "/api/v1/projects/payments/members/group:platform";
    await app.api(anna, "PUT", path, { role: "reader" });
    const mayRead = async () =>
      (await app.api(["nora", anna[1]], "GET", "/api/v1/projects/payments")).status;
    expect(await mayRead()).toBe(404);
    await page.locator("[data-action=choose-group][data-name=platform]").click();
    clicked.add("choose-group");
    await page.waitForSelector(".rd .none");
    await act(page, "add-group-member");
    await act(page, "confirm-add-group-member-cancel");
    await act(page, "add-group-member");
    await type(page, "member", "nobody-here");
    await act(page, "confirm-add-group-member");
    await page.waitForSelector("dialog .note.bad");
    await type(page, "member", "nora");
    await act(page, "confirm-add-group-member");
    await seen(members, isIn);
    expect(await mayRead()).toBe(200);
    await act(page, "remove-group-member", row("nora"));
    await seen(members, (body) => !isIn(body));
    expect(await mayRead()).toBe(404);
    await act(page, "undo");
    await seen(members, isIn);
    expect(await mayRead()).toBe(200);
    await act(page, "delete-group");
    await act(page, "confirm-delete-group-cancel");
    await act(page, "delete-group");
    await act(page, "confirm-delete-group");
    await seen("/api/v1/groups/platform", (body) => body === null);
    expect(await mayRead()).toBe(404);
    await page.waitForSelector("[data-action=choose-group][data-name=platform]", {
      state: "detached",
    });
    for (const old of ["groups/release", "users/nora"]) {
      await app.api(anna, "DELETE", `/api/v1/${old}`);
    }
  });

  test("administration: robots of the registry", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    await opened(await signedIn(), "/admin/robots");
    await act(page, "new-robot");
    await type(page, "name", "courier");
    expect(await page.inputValue("dialog [name=in]")).toBe("**");
    await type(page, "in", "payments/** web/storefront");
    await act(page, "make-robot");
    await page.waitForSelector(".once code");
    const secret = (await page.textContent(".once code")) ?? "";
    const robot = "/api/v1/robots/courier";
    await seen(robot, ({ project, grants }) => {
      const given = grants.map(({ pattern, role }: Body) => `${role} ${pattern}`).sort();
      return project === null && String(given) === "ci payments/**,ci web/storefront";
    });
    const reads = async (name: string) => {
      const headers = basic(["robot.courier", secret]);
      return (await app.fetch(`/v2/${name}/tags/list`, { headers })).status;
    };
    expect([await reads(repository), await reads("web/storefront")]).toEqual([200, 200]);
    expect(await reads(withFiles)).toBe(404);
    // Those of projects are on the pages of these.
    const shown = await page.locator("[data-action=choose-robot]").allTextContents();
    expect(shown.filter((text) => text.includes("payments.ci"))).toEqual([]);
    await act(page, "pause-robot");
    await seen(robot, (body) => body.disabled === true);
    expect(await reads(repository)).toBe(401);
    await act(page, "resume-robot");
    await seen(robot, (body) => body.disabled === false);
    await act(page, "rotate-robot");
    await act(page, "confirm-rotate-robot");
    await seen(robot, (body) => body.secrets.length === 2);
    await act(page, "delete-robot");
    await act(page, "confirm-delete-robot");
    await seen(robot, (body) => body === null);
  });

  test("administration: roles, grants in every project, rate limits", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    const otto = ["otto", anna[1]] as const;
    await app.api(anna, "POST", "/api/v1/users", { name: "otto", password: anna[1] });
    await opened(await signedIn(), "/admin/access");
    const role = "/api/v1/roles/sweeper";
    await act(page, "new-role");
    await act(page, "make-role-cancel");
    await act(page, "new-role");
    await type(page, "name", "sweeper");
    await page.getByLabel("delete and restore").check();
    await act(page, "make-role");
    await seen(role, (body) => body?.actions.length === 3);
    await page.waitForSelector(row("sweeper"));
    const more = async (action: string) => {
      await page.locator(`${row("sweeper")} [aria-haspopup=menu]`).click();
      await act(page, action, row("sweeper"));
    };
    await more("edit-role");
    await act(page, "confirm-edit-role-cancel");
    await more("edit-role");
    await page.getByLabel("delete and restore").uncheck();
    await page.getByLabel("lock tags").check();
    await act(page, "confirm-edit-role");
    await seen(role, ({ actions }) => {
      return String(actions.toSorted()) === "project:read,repository:lock,repository:pull";
    });

    const grants = "/api/v1/grants";
    const ofOtto = (body: Body): Body[] =>
      body.items.filter(({ subject }: Body) => subject === "otto");
    const mayRead = async () =>
      (await app.fetch(`/v2/${repository}/tags/list`, { headers: basic(otto) })).status;
    expect(await mayRead()).toBe(404);
    await act(page, "new-grant");
    await act(page, "make-grant-cancel");
    for (const [effect, pattern] of [
      ["allow", "**"],
      ["deny", "payments/**"],
    ] as const) {
      await act(page, "new-grant");
      await type(page, "subject", "otto");
      await page.locator("dialog [name=effect]").selectOption(effect);
      await page.locator("dialog [name=role]").selectOption("sweeper");
      await type(page, "pattern", pattern);
      await act(page, "make-grant");
      await seen(grants, (body) => ofOtto(body).some((grant) => grant.effect === effect));
      await page.waitForSelector("dialog", { state: "detached" });
      expect(await mayRead()).toBe(effect === "allow" ? 200 : 404);
    }
    // One that is in use stays.
    await more("delete-role");
    await act(page, "confirm-delete-role");
    await page.waitForSelector("dialog .note.bad");
    await act(page, "confirm-delete-role-cancel");
    for (const { id } of ofOtto((await api(grants)).body).toReversed()) {
      await page.waitForSelector(row(id));
      await act(page, "delete-grant", row(id));
      await act(page, "confirm-delete-grant-cancel");
      await act(page, "delete-grant", row(id));
      await act(page, "confirm-delete-grant");
      await seen(grants, (body) => !body.items.some((grant: Body) => grant.id === id));
      await page.waitForSelector(row(id), { state: "detached" });
    }
    expect(await mayRead()).toBe(404);
    await more("delete-role");
    await act(page, "confirm-delete-role");
    await seen(role, (body) => body === null);

    const limits = "/api/v1/rate-limits";
    const isIt = ({ name }: Body) => name === "otto";
    await act(page, "new-limit");
    await act(page, "make-limit-cancel");
    await act(page, "new-limit");
    await page.locator("dialog [name=kind]").selectOption("principal");
    await type(page, "name", "otto");
    await page.locator("dialog [name=counts]").selectOption("requests");
    await type(page, "amount", "2");
    await act(page, "make-limit");
    await seen(limits, (body) => body.items.some(isIt));
    const made = (await api(limits)).body.items.find(isIt);
    expect(made).toMatchObject({ counts: "requests", amount: 2, window_seconds: 21_600 });
    const statuses: number[] = [];
    for (let time = 0; time < 4; time++) statuses.push(await mayRead());
    expect(statuses).toEqual([404, 404, 429, 429]);
    await act(page, "delete-limit", row(made.id));
    await act(page, "confirm-delete-limit-cancel");
    await act(page, "delete-limit", row(made.id));
    await act(page, "confirm-delete-limit");
    await seen(limits, (body) => !body.items.some(isIt));
    expect(await mayRead()).toBe(404);
    await app.api(anna, "DELETE", "/api/v1/users/otto");
  });

  test("grants of a project, besides its members' roles", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    const ada = ["ada", anna[1]] as const;
    await app.api(anna, "POST", "/api/v1/users", { name: "ada", password: anna[1] });
    const member = "/api/v1/projects/payments/members/ada";
    await app.api(anna, "PUT", member, { role: "developer" });
    await opened(await signedIn(), "/projects/payments/members");
    await page.waitForSelector(".mem [data-name=ada]");
    const grants = "/api/v1/projects/payments/grants";
    const denials = (body: Body): Body[] =>
      body.items.filter(({ subject, effect }: Body) => subject === "ada" && effect === "deny");
    const mayRead = async () =>
      (await app.fetch(`/v2/${repository}/tags/list`, { headers: basic(ada) })).status;
    expect(await mayRead()).toBe(200);
    await act(page, "new-grant");
    expect(await page.inputValue("dialog [name=pattern]")).toBe("payments/**");
    await type(page, "subject", "ada");
    await page.locator("dialog [name=effect]").selectOption("deny");
    await page.locator("dialog [name=role]").selectOption("developer");
    await type(page, "pattern", "storefront/**");
    await act(page, "make-grant");
    await page.waitForSelector("dialog .note.bad");
    await type(page, "pattern", "payments/a*");
    await type(page, "tags", "v*");
    await act(page, "make-grant");
    await seen(grants, (body) => denials(body).length === 1);
    const [{ id, pattern, tag_pattern }] = denials((await api(grants)).body) as [Body];
    expect([pattern, tag_pattern]).toEqual(["payments/a*", "v*"]);
    expect(await mayRead()).toBe(404);
    // The role itself is in the list of members alone.
    await page.waitForSelector(row(id));
    expect(await page.locator(".grants [role=row]", { hasText: "ada" }).count()).toBe(1);
    await act(page, "delete-grant", row(id));
    await act(page, "confirm-delete-grant");
    await seen(grants, (body) => denials(body).length === 0);
    expect(await mayRead()).toBe(200);
    await app.api(anna, "DELETE", "/api/v1/users/ada");
  });

  test("administration: invitations", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), "/admin/invitations");
    await act(page, "new-invitation");
    await act(page, "make-invitation-cancel");
    await act(page, "new-invitation");
    await type(page, "description", "the new colleague");
    await page.getByLabel("It ends after").selectOption("30");
    await act(page, "make-invitation");
    await page.waitForSelector(".once code");
    expect(await page.textContent(".once code")).toContain("berth_invite_");
    const list = "/api/v1/invitations";
    const isIt = ({ description }: Body) => description === "the new colleague";
    const { id, created_at, expires_at } = (await api(list)).body.items.find(isIt);
    const days = (Date.parse(expires_at) - Date.parse(created_at)) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    const { app } = there().world;
    const other = (await app.api(anna, "POST", list, { description: "somebody else" })).body;
    await lookAgain(page, row(other.id));
    await act(page, "revoke-invitation", row(other.id));
    await act(page, "confirm-revoke-invitation");
    await page.waitForSelector(row(other.id), { state: "detached" });
    expect(await page.textContent(".once code")).toContain("berth_invite_");
    await act(page, "revoke-invitation", row(id));
    await act(page, "confirm-revoke-invitation-cancel");
    await act(page, "revoke-invitation", row(id));
    await act(page, "confirm-revoke-invitation");
    await seen(list, (body) => !body.items.some(isIt));
    await page.waitForSelector(row(id), { state: "detached" });
    // What is good for nothing is not shown any longer.
    expect(await page.locator(".once code").count()).toBe(0);
  });

  test("administration: users, collection, audit", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), "/admin/users");
    const user = "/api/v1/users/tomas";
    await act(page, "new-user");
    await act(page, "make-user-cancel");
    await act(page, "new-user");
    await type(page, "name", "tomas");
    await act(page, "make-user");
    await page.waitForSelector(".once code");
    const password = (await page.textContent(".once code")) ?? "";
    const { app } = there().world;
    expect((await app.api(["tomas", password], "GET", "/api/v1/account")).status).toBe(200);
    const { body: made } = await api(user);
    const more = async (action: string) => {
      await page.locator(`${row(made.id)} [aria-haspopup=menu]`).click();
      await act(page, action, row(made.id));
    };
    await more("promote-user");
    await seen(user, (body) => body.administrator === true);
    await page.waitForSelector(`${row(made.id)} .chip`);
    await more("demote-user");
    await seen(user, (body) => body.administrator === false);
    await page.waitForSelector(`${row(made.id)} .chip`, { state: "detached" });
    await more("disable-user");
    await seen(user, (body) => body.disabled === true);
    await page.waitForSelector(`${row(made.id)} .chip.warn`);
    // What somebody else changed meanwhile stays.
    await app.api(anna, "PATCH", user, { administrator: true });
    await act(page, "undo");
    await seen(user, (body) => body.disabled === false && body.administrator === true);
    await app.api(anna, "PATCH", user, { administrator: false });
    await page.waitForSelector(`${row(made.id)} .chip.warn`, { state: "detached" });
    await more("disable-user");
    await seen(user, (body) => body.disabled === true);
    await page.waitForSelector(`${row(made.id)} .chip.warn`);
    await more("enable-user");
    await seen(user, (body) => body.disabled === false);
    await more("reset-password");
    await act(page, "confirm-reset-password-cancel");
    await more("reset-password");
    await act(page, "confirm-reset-password");
    await page.waitForFunction(
      (old) => document.querySelector(".once code")?.textContent !== old,
      password,
    );
    await more("delete-user");
    await act(page, "confirm-delete-user-cancel");
    await more("delete-user");
    await act(page, "confirm-delete-user");
    await seen(user, (body) => body === null);

    await opened(await signedIn(), "/admin/audit");
    await type(page, "action", "user.deleted");
    await type(page, "resource", "user tomas");
    await act(page, "filter-audit");
    await page.waitForFunction(
      () => document.querySelectorAll(".audit [role=row][data-row]").length === 1,
    );
    await act(page, "clear-audit-filter");
    await page.waitForFunction(
      () => document.querySelectorAll(".audit [role=row][data-row]").length > 1,
    );
    const headers = basic(["nobody-here", "a wrong password"]);
    expect((await there().world.app.fetch("/v2/", { headers })).status).toBe(401);
    await page.getByLabel("Result").selectOption("refused");
    await type(page, "address", "127.0.0.");
    await act(page, "filter-audit");
    await page.waitForFunction(() => {
      const found = [...document.querySelectorAll(".audit [role=row][data-row] .a-what")];
      return found.length > 0 && found.every(({ textContent }) => textContent === "signin.failed");
    });
    await act(page, "clear-audit-filter");
    await page.waitForFunction(
      () => document.querySelectorAll(".audit [role=row][data-row]").length > 1,
    );
    const saved = async (action: string) => {
      const download = page.waitForEvent("download");
      await act(page, action);
      const text = readFileSync(await (await download).path(), "utf8");
      return text
        .trim()
        .split("\n")
        .map((line): Body => JSON.parse(line));
    };
    expect((await saved("export-audit"))[0]).toMatchObject({ action: "setup.done" });

    const { oci } = there().world;
    for (const tag of ["latest", "main"]) await oci.json(`/v2/${repository}/manifests/${tag}`);
    const isOf = (tag: string) => (pull: Body) =>
      pull.repository === repository && pull.tag === tag;
    await seen("/api/v1/pulls", (body) =>
      ["latest", "main"].every((tag) => body.items.some(isOf(tag))),
    );
    await opened(await signedIn(), "/admin/pulls");
    await type(page, "repository", repository);
    await act(page, "filter-pulls");
    await page.waitForURL(`**/admin/pulls?repository=${encoded}`);
    await page.waitForSelector(`.all-pulls a:text-is("${repository}:main")`);
    const lines = await saved("export-pulls");
    expect(lines.pop()).toEqual({ pulls: lines.length });
    expect(lines.some(isOf("main"))).toBe(true);
    expect(lines.filter((pull) => pull.repository !== repository)).toEqual([]);
    await type(page, "principal", "nobody-like-this");
    await act(page, "filter-pulls");
    await page.waitForFunction(() =>
      /No pull matches/.test(document.querySelector("main").textContent),
    );
    await act(page, "clear-pulls-filter");
    await page.waitForSelector(".all-pulls [data-row]");

    // Of very many it looks through some by itself, and goes on when somebody says so.
    let asked = 0;
    await page.route(
      (url) => url.pathname === "/api/v1/pulls",
      (route) => {
        asked++;
        const at = `2026-11-0${Math.max(1, 9 - asked)}T10:00:00.000Z`;
        const next = asked === 7 ? null : `${asked}`;
        return route.fulfill({ json: { items: [], next, looked_back_to: next && at } });
      },
    );
    await type(page, "principal", "rarely");
    await act(page, "filter-pulls");
    await page.waitForSelector("[data-action=look-further]");
    expect(asked).toBe(5);
    const told = (await page.textContent("main")) ?? "";
    expect(told).toContain("Looked back to 4 Nov 2026");
    expect(told).not.toContain("No pull matches");
    await Bun.sleep(2_100);
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await Bun.sleep(200);
    expect(asked).toBe(5);
    await act(page, "look-further");
    await page.waitForFunction(() =>
      /No pull matches/.test(document.querySelector("main").textContent),
    );
    expect(asked).toBe(7);
    await page.unrouteAll();
    await act(page, "clear-pulls-filter");
    await page.waitForSelector(".all-pulls [data-row]");
    expect(await findings(await signedIn(), null)).toEqual([]);

    await opened(await signedIn(), "/admin/storage");
    const before = (await api("/api/v1/gc")).body.last_cycle_at;
    await act(page, "reclaim");
    await act(page, "confirm-reclaim-cancel");
    await act(page, "reclaim");
    await act(page, "confirm-reclaim");
    await seen("/api/v1/gc", (body) => body.last_cycle_at !== before);
  });

  test("administration: health, backup, settings", async () => {
    const { page } = await signedIn();
    const { app } = there().world;
    await opened(await signedIn(), "/admin/health");
    await page.waitForSelector("[data-name=chores][data-state=ok]");
    const chore = "note how much is stored";
    await seen("/api/v1/chores", ({ items }) =>
      items.some(({ name, outcome }: Body) => name === chore && outcome === "done"),
    );
    await app.rows("update chores set outcome = 'failed: no room' where name = ?", chore);
    await act(page, "look-again");
    await page.waitForSelector("[data-name=chores][data-state=warn]");
    expect(await page.textContent("[data-name=chores]")).toContain("no room");
    expect(await page.locator(".checks li").first().getAttribute("data-state")).not.toBe("ok");
    await app.rows("update chores set outcome = 'done' where name = ?", chore);
    await act(page, "look-again");
    await page.waitForSelector("[data-name=chores][data-state=ok]");
    await page.locator("[data-name=chores] a").click();
    await page.waitForURL("**/admin/jobs");

    await opened(await signedIn(), "/admin/backup");
    await page.waitForSelector(".backups [data-row], .sect .none");
    await makeBackup(there().world);
    await lookAgain(page, ".backups [data-row]");
    const [made] = (await api("/api/v1/backups?limit=1")).body.items;
    expect(await page.textContent(".backups")).toContain(made.to);
    const lines = (name: string) => page.textContent(`[data-name=${name}] pre`);
    expect(await lines("create")).toContain(`backup create /backup/berth --data ${app.folder}`);
    await page.locator("[data-name=create] [data-action=copy]").click();
    await page.waitForSelector("[data-name=create] .ib .k-done");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe((await lines("create")) ?? "");
    await page.locator('[data-action=backup-target][data-name="s3"]').click();
    clicked.add("backup-target");
    await page.waitForURL("**/admin/backup?target=s3");
    expect(await lines("restore")).toContain("backup restore s3://");

    await opened(await signedIn(), "/admin/settings");
    await page.waitForSelector(row("secret_key"));
    await page.fill(".filter input", "-from:default ");
    await page.waitForSelector(row("url"), { state: "detached" });
    const { items } = (await api("/api/v1/settings?limit=200")).body;
    const set = items.filter(({ from }: Body) => from !== "default");
    expect(await page.locator(".settings [data-row]").count()).toBe(set.length);
    await page.locator(`${row("listen")} [data-action=copy]`).click();
    await page.waitForSelector(`${row("listen")} .ib .k-done`);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("BERTH_LISTEN");
    await page.fill(".filter input", "nothing-like-this");
    await page.waitForSelector(".none");
  });

  test("the shell: palette, keys, themes", async () => {
    const { page } = await signedIn();
    await opened(await signedIn(), "/projects");
    await act(page, "open-palette");
    await page.keyboard.type("pay api");
    await page.waitForSelector(`[data-action=palette-open][data-name="${repository}"]`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/r/${repository}`);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("trash");
    await act(page, "palette-open");
    await page.waitForURL("**/trash");
    await page.locator(".who").click();
    await act(page, "keys");
    await act(page, "toggle-keys");
    await page.locator("[data-action=toggle-keys]").click();
    await act(page, "close-keys");
    await page.emulateMedia({ colorScheme: "dark" });
    for (const [theme, shown] of [
      ["light", "light"],
      ["system", "dark"],
      ["dark", "dark"],
    ]) {
      await page.locator(".who").click();
      await act(page, `theme-${theme}`);
      await page.waitForFunction(
        (wanted) => document.documentElement.dataset.theme === wanted,
        shown,
      );
    }
    await page.emulateMedia({ colorScheme: "light" });
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await page.locator(".who").click();
    await act(page, "docs");
    await page.waitForURL("**/docs");
    await page.goBack();
    await page.locator(".who").click();
    await act(page, "profile");
    await page.waitForURL("**/profile");
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await page.waitForURL("**/home");
    await page.keyboard.press("g");
    await page.keyboard.press("p");
    await page.waitForURL("**/projects");
  });

  test("what is refused says whom to ask", async () => {
    const { page } = await signedIn();
    const refused = JSON.stringify({ status: 403, detail: "anna may not do that" });
    for (const [path, operation, save, hint] of [
      ["/projects/payments/settings", "projects/payments", "save-project", /An owner of the proj/],
      ["/r/payments/api/-/about", "repositories/*", "save-repository", /An owner of the project/],
      ["/admin/storage", "gc/run", "confirm-reclaim", /An administrator can do it\.$/],
    ] as const) {
      await opened(await signedIn(), path);
      const url = `**/api/v1/${operation}`;
      await page.route(url, (route) =>
        route.request().method() === "GET"
          ? route.continue()
          : route.fulfill({ status: 403, contentType: "application/problem+json", body: refused }),
      );
      if (save === "confirm-reclaim") await act(page, "reclaim");
      else await type(page, "description", "Something else");
      await act(page, save);
      await page.waitForSelector("form .note.warn");
      const told = await page.textContent("form .note.warn");
      expect(told).toContain("Anna may not do that.");
      expect(told).toMatch(hint);
      await page.unroute(url);
    }
    await act(page, "confirm-reclaim-cancel");

    const about = `/api/v1/repositories/${encoded}`;
    const told = { ...(await api(about)).body, allowed: ["repository:pull"] };
    await page.route(
      (url) => url.pathname === about,
      (route) => route.fulfill({ json: told }),
    );
    const [{ name, digest }] = (await api(tagsPath)).body.items;
    for (const [screen, what] of [
      [`:${name}`, "tags"],
      [`@${digest}`, "images"],
    ]) {
      await opened(await signedIn(), `/r/${repository}${screen}`);
      await page.waitForSelector(
        `[data-action=delete-image]:disabled[title="Maintainers and owners delete ${what}"]`,
      );
    }
    await page.unrouteAll();
  });

  test("an image: what is pushed while its deletion is asked about stays", async () => {
    const { oci } = there().world;
    const of = "moving/app";
    const path = `/api/v1/repositories/${encodeURIComponent(of)}/tags`;
    const { page } = await signedIn();
    const push = async (seed: string, ...tags: string[]) => {
      const image = imageWithHistory(seed, "amd64");
      await oci.pushImage(of, image);
      for (const tag of tags) await oci.pushManifest(of, tag, image.manifest);
    };
    const open = async (screen: string) => {
      await opened(await signedIn(), `/r/${of}${screen}`);
      if (screen === "") await act(page, "select", row("1.0"));
      await act(page, screen === "" ? "delete-tags" : "delete-image");
      await page.waitForSelector("dialog .cons li > :not(.skel)");
      await page.waitForSelector("dialog .skel", { state: "detached" });
    };
    const says = (words: string) =>
      page.waitForFunction(
        (pattern) => new RegExp(pattern).test(document.querySelector("dialog")?.textContent),
        words,
      );
    const isThere = async (seed: string) => {
      const { digest } = imageWithHistory(seed, "amd64");
      const { items } = (await api(path)).body;
      expect(items.find(({ name }: Body) => name === "1.0")?.digest).toBe(digest);
    };
    /** The page shows what was pushed meanwhile, and the dialog what it was opened for. */
    const pushed = async (seed: string, read: string) => {
      const shown = await page.textContent("dialog .cons");
      await push(seed, "1.0");
      // What is younger is not asked for again.
      await Bun.sleep(2_100);
      const isRead = page.waitForResponse(
        (answer) => answer.request().method() === "GET" && answer.url().includes(read),
      );
      await page.evaluate(() => dispatchEvent(new Event("focus")));
      await (await isRead).finished();
      await says("names .* by now|no longer names");
      expect(await page.textContent("dialog .cons")).toBe(shown);
    };
    const confirm = "[data-action=confirm-delete-image]";

    await push("moving one", "1.0");
    await open(":1.0");
    await push("moving two", "1.0");
    await act(page, "confirm-delete-image");
    await says("not what was shown");
    await says("The tag 1.0 no longer names what is shown");
    expect(await page.isDisabled(confirm)).toBe(true);
    await isThere("moving two");

    await open(":1.0");
    await pushed("moving three", "/images/");
    expect(await page.isDisabled(confirm)).toBe(true);
    await isThere("moving three");

    for (const [screen, action, read] of [
      [":1.0", "confirm-delete-image", "/images/"],
      ["", "confirm-delete-tags", "/tags?"],
    ] as const) {
      await push(`moving four ${screen}`, "1.0", "stable");
      await open(screen);
      await pushed(`moving five ${screen}`, read);
      const isAsked = page.waitForResponse((answer) => answer.url().endsWith("/removals"));
      await act(page, action);
      expect((await isAsked).status()).toBe(409);
      await says("[Tt]he tag 1.0 of moving.app names sha256:\\w+ by now, not sha256:");
      await isThere(`moving five ${screen}`);
    }
  });

  test("without a connection what was read stays, and it catches up", async () => {
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    await page.goto("/projects");
    await page.waitForSelector(row("payments"));
    await page.context().setOffline(true);
    // What is younger than two seconds is not asked for again.
    for (let tries = 0; (await page.locator(".note").count()) === 0; tries++) {
      if (tries > 100) throw new Error("nothing says that there is no connection");
      await page.evaluate(() => dispatchEvent(new Event("focus")));
      await Bun.sleep(50);
    }
    expect(await page.textContent(".note")).toContain("Not connected.");
    await page.locator(".star").first().click();
    await page.waitForFunction(
      () =>
        document.querySelector(".toast span")?.textContent.trim() === "Not done: Not connected.",
    );
    await page.waitForSelector(row("payments"));
    await Bun.sleep(2_100);
    await page.context().setOffline(false);
    await page.waitForSelector(".note", { state: "detached" });
    await watched.close();
  });

  test("one's own: tokens, sessions, password, signing out", async () => {
    const watched = await there().chromium.open(desktop);
    await signIn(watched);
    const { page } = watched;
    const tokens = "/api/v1/account/tokens";
    await page.goto("/profile");
    await act(page, "new-token");
    await act(page, "make-token-cancel");
    await act(page, "new-token");
    await type(page, "description", "laptop");
    await page.selectOption("[name=scope]", "pull");
    await act(page, "make-token");
    await page.waitForSelector(".once code");
    const secret = (await page.textContent(".once code")) ?? "";
    const { app } = there().world;
    expect((await app.api([anna[0], secret], "GET", "/api/v1/projects")).status).toBe(200);
    await seen(tokens, (body) => body.items[0]?.description === "laptop");
    await act(page, "revoke-token");
    await act(page, "confirm-revoke-token-cancel");
    await act(page, "revoke-token");
    await act(page, "confirm-revoke-token");
    await seen(tokens, (body) => body.items.length === 0);
    await page.goto("/profile/account");
    await type(page, "email", "anna@example.com");
    await act(page, "save-account");
    await seen("/api/v1/account", (body) => body.email === "anna@example.com");
    await type(page, "current", anna[1]);
    await type(page, "password", anna[1]);
    await type(page, "again", `${anna[1]}!`);
    await act(page, "change-password");
    await page.waitForSelector("form .note.bad");
    expect(await page.textContent("form .note.bad")).toBe("The two passwords are not the same.");
    await type(page, "again", anna[1]);
    await type(page, "current", `${anna[1]}?`);
    await act(page, "change-password");
    // Nobody else can help with it: no hint whom to ask.
    await page.waitForFunction(
      () =>
        document.querySelector("form .note.bad")?.textContent ===
        "The current password is another one.",
    );
    await type(page, "current", anna[1]);
    await act(page, "change-password");
    await page.waitForURL(/\/signin/);
    await signIn(watched);
    const other = await there().chromium.open(desktop);
    await signIn(other);
    await page.goto("/profile/sessions");
    await page.waitForSelector(".sessions [role=row]");
    expect(await page.textContent(".sessions [data-row='0']")).toContain("this one");
    await page.locator("[role=row]:not(:has(.chip)) [data-action=end-session]").first().click();
    clicked.add("end-session");
    await seen("/api/v1/account/sessions", (body) => body.items.length === 1);
    await other.page.goto("/projects");
    await other.page.waitForURL(/\/signin/);
    await other.close();
    await page.locator(".who").click();
    await act(page, "sign-out");
    await page.waitForURL("**/signin");
    await seen("/api/v1/account/sessions", (body) => body.items.length === 0);
    expect(watched.faults).toEqual([]);
    await watched.close();
  });

  test("on a phone: the menu and the order", async () => {
    const watched = await there().chromium.open({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    await signIn(watched);
    const { page } = watched;
    await page.goto(`/r/${repository}`);
    await page.waitForSelector(row("main"));
    await page.locator(".tools .only-phone [aria-haspopup=menu]").click();
    await act(page, "sort-by-name");
    await page.waitForFunction(() => location.search.includes("sort=name"));
    await act(page, "pick");
    await page.locator(`${row("main")} [data-action=select]`).click();
    expect(await page.textContent(".selbar")).toContain("1 selected");
    await act(page, "clear-selection", ".selbar");
    await page.locator(".top > .only-phone [aria-haspopup=menu]").click();
    await act(page, "menu-/trash");
    await page.waitForURL("**/trash");
    await watched.close();
  });

  test("every one that the sources name was clicked", () => {
    const web = join(dirname(dirname(import.meta.dir)), "web");
    const named = new Set<string>();
    for (const path of new Glob("{app,parts,screens}/*.{ts,tsx}").scanSync(web)) {
      const source = readFileSync(join(web, path), "utf8");
      for (const [, name = ""] of source.matchAll(/(?:data-action=|\baction[=:] ?)"([a-z-]+)"/g)) {
        named.add(name);
      }
    }
    // Made of a name.
    for (const name of ["choose-robot", "choose-webhook"]) named.add(name);
    // Shown only where something failed or is long.
    for (const name of ["try-again", "show-all-names"]) named.delete(name);
    // Those of passkeys, which take a name for a host.
    const beside = readFileSync(join(import.meta.dir, "passkeys.test.ts"), "utf8");
    for (const [, name = ""] of beside.matchAll(/\bact\(\w+, "([a-z-]+)"/g)) clicked.add(name);
    if (noSlapd !== null) {
      for (const name of named) if (/directory|group-rule/.test(name)) named.delete(name);
    }
    expect(named.size).toBeGreaterThan(60);
    expect([...named].filter((name) => !clicked.has(name)).sort()).toEqual([]);
    expect(shared?.faults).toEqual([]);
  });

  afterAll(async () => {
    await shared?.close();
    await endDirectory?.();
  });
});
