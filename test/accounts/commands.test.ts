import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseEnvironment } from "../support/test-database.ts";
import { basic, type ClosedApp, startClosedApp } from "./closed-app.ts";

let app: ClosedApp | null = null;
let folder = "";
afterEach(async () => {
  await app?.remove();
  app = null;
  rmSync(folder, { recursive: true, force: true });
});

/** A command in a process of its own, with something to read. */
async function berth(line: string, input: string) {
  const child = Bun.spawn([process.execPath, "src/main.ts", ...line.split(" "), "--data", folder], {
    cwd: join(import.meta.dir, "../.."),
    env: {
      ...Bun.env,
      ...(await databaseEnvironment(folder)),
      BERTH_OPEN: "",
      BERTH_LISTEN: "127.0.0.1:20900",
    },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, errors };
}

const statusOf = async (name: string, password: string) =>
  (await app?.fetch("/v2/", { headers: basic([name, password]) }))?.status;

describe("without a server", () => {
  test("setup makes the administrator, once; the way back in needs no other password", async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-commands-"));
    const printed = await berth("setup --print-token", "");
    expect(printed.out).toMatch(/^http:\/\/localhost:20900\/setup\?token=berth_setup_\w{49}\n$/);
    const made = await berth(
      "setup --user kate --visibility internal --password-stdin",
      "the first password\n",
    );
    expect(made).toEqual({ code: 0, out: "Made the administrator kate.\n", errors: "" });
    const again = await berth("setup --user other --password-stdin", "the first password\n");
    expect(again).toMatchObject({
      code: 1,
      out: "",
      errors: "This registry is set up: sign in as its administrator.\n",
    });
    expect((await berth("setup --print-token", "")).code).toBe(1);

    const reset = await berth("admin reset-password kate --password-stdin", "the second password");
    expect(reset).toEqual({ code: 0, out: "Set the password of kate.\n", errors: "" });
    app = await startClosedApp({ folder });
    expect(await statusOf("kate", "the first password")).toBe(401);
    expect(await statusOf("kate", "the second password")).toBe(200);
    expect(await app.rows("select visibility from projects")).toEqual([{ visibility: "internal" }]);
  });
});

describe("with a server", () => {
  test("the same commands reach it", async () => {
    app = await startClosedApp();
    folder = app.folder;
    const printed = await berth("setup --print-token", "");
    const token = new URL(printed.out.trim()).searchParams.get("token") ?? "";
    const made = await berth("setup --password-stdin", "the first password\n");
    expect(made.out).toBe("Made the administrator admin.\n");
    const late = await app.api(null, "POST", "/api/v1/setup", {
      name: "late",
      password: "the first password",
      token,
    });
    expect(late.status).toBe(409);
    expect(await statusOf("admin", "the first password")).toBe(200);
    await berth("admin reset-password admin --password-stdin", "the second password\n");
    expect(await statusOf("admin", "the first password")).toBe(401);
    expect(await statusOf("admin", "the second password")).toBe(200);
    const unknown = await berth("admin reset-password nobody --password-stdin", "some password");
    expect(unknown).toMatchObject({ code: 1, errors: "There is no user nobody.\n" });
    const short = await berth("admin reset-password admin --password-stdin", "short");
    expect(short).toMatchObject({
      code: 1,
      errors: "A password must be 8 to 1024 bytes long.\n",
    });
    expect((await berth("admin reset-password", "x")).code).toBe(2);
  });
});
