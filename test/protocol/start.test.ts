import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operatorGets } from "../support/operator.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-start-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly url?: string;
  readonly audit_head?: string;
}

/** Starts a server, and returns what it logs until it serves; `meanwhile` is done before it is stopped. */
async function start(
  data: string,
  env: Readonly<Record<string, string>>,
  meanwhile: () => Promise<void> = async () => {},
  listen = "127.0.0.1:0",
): Promise<Line[]> {
  const child = Bun.spawn(
    [process.execPath, "src/main.ts", "serve", "--listen", listen, "--data", data],
    {
      cwd: join(import.meta.dir, "../.."),
      env: { PATH: Bun.env["PATH"] ?? "", BERTH_LOG_FORMAT: "json", ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  try {
    const decoder = new TextDecoder();
    let said = "";
    for await (const chunk of child.stdout) {
      said += decoder.decode(chunk, { stream: true });
      if (!/"url":"http[^}]*}\n/.test(said)) continue;
      await meanwhile();
      return said
        .split("\n")
        .filter((line) => line !== "")
        .map((line): Line => JSON.parse(line));
    }
    throw new Error(`the server ended before it was ready: ${said}`);
  } finally {
    child.kill("SIGTERM");
    await child.exited;
  }
}

test("at each start the log says where the audit ends, which is what an export ended with", async () => {
  const data = join(folder, "audited");
  const env = { BERTH_ADMIN_PASSWORD: "the first administrator's own" };
  let head = "";
  let groups = 0;
  const note = async () => {
    if (head !== "") {
      // The very words that `berth audit verify --head` takes.
      const verified = await operatorGets(data, "POST", "/audit/verify", { head });
      expect(verified).toMatchObject({ ok: true, compared: true });
    }
    await operatorGets(data, "POST", "/groups", { name: `group${groups++}` });
    head = (await operatorGets<{ head: string }>(data, "GET", "/audit/head")).head;
  };
  const endOf = (lines: readonly Line[]) =>
    lines.filter(({ msg }) => msg.startsWith("The audit ends at "));
  await start(data, env, note);
  for (let times = 0; times < 2; times++) {
    const before = head;
    const [end, ...more] = endOf(await start(data, env, note));
    expect(more).toEqual([]);
    expect(end).toMatchObject({ level: "info", msg: `The audit ends at ${before}` });
    expect(end?.audit_head).toBe(before);
    expect(head).not.toBe(before);
  }
});

describe("who serves without access control is warned at each start", () => {
  test.each([
    ["1", "127.0.0.1:0", /^Everyone on this machine can pull, push and delete: open is 1\.$/],
    [
      "any-network",
      "0.0.0.0:0",
      /^Everyone who can reach 0\.0\.0\.0:0 can pull, push and delete: open is any-network, /,
    ],
  ])("BERTH_OPEN=%s", async (open, listen, warning) => {
    const data = join(folder, `open-${open}`);
    for (let times = 0; times < 2; times++) {
      const lines = await start(data, { BERTH_OPEN: open }, undefined, listen);
      const warnings = lines.filter(({ level }) => level === "warn");
      expect(warnings.map(({ msg }) => msg)).toEqual([expect.stringMatching(warning)]);
    }
  });

  test("who has accounts is not", async () => {
    const env = { BERTH_ADMIN_PASSWORD: "the first administrator's own" };
    const lines = await start(join(folder, "closed"), env);
    expect(lines.filter(({ level }) => level === "warn")).toEqual([]);
  });
});
