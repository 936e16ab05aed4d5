import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";

const executable = join(projectFolder, "dist", "berth");
let folder = "";

beforeAll(() => {
  const built = Bun.spawnSync([process.execPath, "scripts/build.ts"], { cwd: projectFolder });
  expect(built.exitCode).toBe(0);
  folder = mkdtempSync(join(tmpdir(), "berth-executable-"));
  writeFileSync(join(folder, ".env"), "BERTH_URL=http://from-env-file\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(folder, "evil.ts"), "process.exit(66);\n");
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Without PATH there is neither Node nor npm. */
function berth(...args: string[]) {
  return berthWith({}, ...args);
}

function berthWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  return Bun.spawn([executable, ...args], {
    cwd: folder,
    env: { BERTH_OPEN: "1", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function outcome(...args: string[]) {
  const child = berth(...args);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out: out.trim(), err: err.trim() };
}

/** A server on a free port; a line of its log says where. */
async function serve(data: string, processes: number) {
  const env = { BERTH_SERVER_PROCESSES: `${processes}` };
  const child = berthWith(env, "--listen", ":0", "--data", data, "--log", "json");
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    const url = /"url":"([^"]+)".*\n/.exec(text)?.[1];
    if (url !== undefined) return { child, url };
  }
  throw new Error(`the server ended before it was ready: ${text}`);
}

test("says its version, which is that of package.json", async () => {
  const { version } = JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8"));
  expect(await outcome("version")).toEqual({ code: 0, out: version, err: "" });
});

test("reads neither .env nor bunfig.toml of the current folder", async () => {
  const { code, out } = await outcome("config", "print");
  expect(code).toBe(0);
  expect(out).toMatch(/^ *url +- +default$/m);
});

test.each([1, 2])(
  "serves with %d processes, checkpoints in its worker, takes commands, and stops on SIGTERM",
  async (processes) => {
    const data = `data${processes}`;
    const { child, url } = await serve(data, processes);
    const body = new TextEncoder().encode("hello");
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(body).digest("hex")}`;
    const pushed = await fetch(`${url}/v2/demo/a/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body,
    });
    expect(pushed.status).toBe(201);
    expect(await (await fetch(`${url}/v2/demo/a/blobs/${digest}`)).text()).toBe("hello");

    // The worker starts with the first checkpoint, soon after the last commit.
    let metrics = "";
    for (
      let tries = 0;
      tries < 100 && !/^berth_db_checkpoints_total [1-9]/m.test(metrics);
      tries++
    ) {
      await Bun.sleep(100);
      metrics = await (await fetch(`${url}/metrics`)).text();
    }
    expect(metrics).toMatch(/^berth_db_checkpoints_total [1-9]/m);
    expect(metrics).toMatch(/^berth_writes_refused 0$/m);

    const second = await outcome("--listen", ":0", "--data", data);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/^The data folder .* is in use by another Berth: .*--data\.$/);
    const samePort = await outcome("--listen", new URL(url).host, "--data", "elsewhere");
    expect(samePort.code).toBe(1);
    expect(samePort.err).toMatch(/^localhost:\d+ is in use by another program: .*--listen/);
    const checked = await outcome("verify", "--data", data);
    expect(checked.code).toBe(0);
    expect(checked.out).toContain("Checked 1 blobs (5 bytes)");
    const here = ["--listen", new URL(url).host];
    expect(await outcome("health", ...here)).toEqual({ code: 0, out: "ok", err: "" });

    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect((await outcome("verify", "--data", data)).code).toBe(0);
    const stopped = await outcome("health", ...here);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toBe(`No answer from ${url}/readyz: ECONNREFUSED`);
  },
  30_000,
);

test("says in one sentence why it cannot start", async () => {
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const inUse = await outcome("--listen", `:${taken.port}`, "--data", "other");
  await taken.stop(true);
  expect(inUse.code).toBe(1);
  expect(inUse.err).toMatch(/^127\.0\.0\.1:\d+ is in use by another program: .*--listen/);

  const notFolder = await outcome("--listen", ":0", "--data", "evil.ts");
  expect(notFolder.code).toBe(1);
  expect(notFolder.err).toMatch(/^The data folder .* cannot be written \(\w+\): .*--data\.$/);

  const open = await outcome("--listen", "0.0.0.0:0", "--data", "other");
  expect(open.code).toBe(1);
  expect(open.err).toContain("BERTH_OPEN=any-network");

  const typo = await outcome("verfy");
  expect(typo).toEqual({
    code: 2,
    out: "",
    err: "There is no command verfy; did you mean verify?",
  });
  mkdirSync(join(folder, "settings"));
  writeFileSync(join(folder, "settings", "berth.yaml"), "listn: ':0'\n");
  const unknownKey = await outcome("--data", "settings");
  expect(unknownKey.code).toBe(1);
  expect(unknownKey.err).toContain("there is no setting listn; did you mean listen?");
});
