import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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
});

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
async function serve(data: string, processes: number, more: Readonly<Record<string, string>> = {}) {
  const env = { BERTH_SERVER_PROCESSES: `${processes}`, ...more };
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
    const ofFolder = ["--data", data];
    for (const where of [here, ofFolder]) {
      expect(await outcome("health", ...where)).toEqual({ code: 0, out: "ok", err: "" });
    }

    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect((await outcome("verify", "--data", data)).code).toBe(0);
    const stopped = await outcome("health", ...here);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toBe(`No answer from ${url}/readyz: ECONNREFUSED`);
    const gone = await outcome("health", ...ofFolder);
    const where = join(folder, data);
    const err = `No server answers on ${where}: it does not run, or is still starting.`;
    expect(gone).toEqual({ code: 1, out: "", err });
  },
  60_000,
);

test("by the name of docker's credential helper it is that", async () => {
  const program = join(folder, "docker-credential-berth");
  symlinkSync(executable, program);
  const call = async (verb: string, input: string) => {
    const child = Bun.spawn([program, verb], {
      cwd: folder,
      env: { HOME: folder },
      stdin: new Blob([input]),
      stdout: "pipe",
    });
    return { out: (await child.stdout.text()).trim(), code: await child.exited };
  };
  const given = { ServerURL: "registry.example", Username: "a", Secret: "b" };
  expect(await call("store", JSON.stringify(given))).toEqual({ out: "", code: 0 });
  const got = await call("get", "registry.example");
  expect(JSON.parse(got.out)).toEqual(given);
  expect(await call("get", "other.example")).toMatchObject({ code: 1 });
});

test("by the name of the kubelet's plugin it is that", async () => {
  const program = join(folder, "kubelet-credential-berth");
  symlinkSync(executable, program);
  const request = {
    apiVersion: "credentialprovider.kubelet.k8s.io/v1",
    kind: "CredentialProviderRequest",
    image: "registry.example:5000/team/app:v1",
    serviceAccountToken: "a token",
  };
  const input = new Blob([JSON.stringify(request)]);
  const child = Bun.spawn([program], { cwd: folder, env: {}, stdin: input, stdout: "pipe" });
  const { auth } = JSON.parse(await child.stdout.text());
  expect(auth).toEqual({ "registry.example:5000": { username: "oidc", password: "a token" } });
  expect(await child.exited).toBe(0);
});

test("carries the console and the documentation, compressed, and bundles nothing", async () => {
  const { child, url } = await serve("console", 1, { BERTH_OPEN: "" });
  const html = await (await fetch(`${url}/projects`)).text();
  const script = /src="(\/console\/main-[^"]+)"/.exec(html)?.[1] ?? "";
  for (const encoding of ["br", "gzip"]) {
    const headers = { "accept-encoding": encoding };
    const file = await fetch(url + script, { headers, decompress: false });
    expect([file.status, file.headers.get("content-encoding")]).toEqual([200, encoding]);
    expect((await file.bytes()).byteLength).toBeLessThan(200_000);
    const page = await fetch(`${url}/api/docs`, { headers, decompress: false });
    expect([page.status, page.headers.get("content-encoding")]).toEqual([200, encoding]);
    expect((await page.bytes()).byteLength).toBeLessThan(50_000);
  }
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

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
