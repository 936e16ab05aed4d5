import { afterAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { administrator, basic } from "../clients/berth.ts";
import { endAll, folder, freePort, run } from "../clients/support.ts";
import { digestOf } from "../support/images.ts";
import { deployFolder, launch, testWith } from "./support.ts";

const unit = join(deployFolder, "systemd", "berth.service");

/** Tenths, as systemd-analyze counts: what is left is the network and a compiler's memory. */
const exposureMax = 15;

afterAll(endAll);

testWith(["systemd-analyze"], "systemd understands every line of the unit", async () => {
  const copy = join(await folder("unit"), "berth.service");
  // The program of the unit need not be installed here, and a program that is missing is an error.
  const text = (await readFile(unit, "utf8")).replaceAll("/usr/local/bin/berth", process.execPath);
  expect(text).toContain(`ExecStart=${process.execPath} serve`);
  await writeFile(copy, text);
  const { stdout, stderr } = await run(["systemd-analyze", "verify", "--man=no", copy]);
  expect(stdout + stderr).toBe("");
});

testWith(["systemd-analyze"], "the unit leaves a service little to do harm with", async () => {
  const threshold = `--threshold=${exposureMax}`;
  const { stdout } = await run(["systemd-analyze", "security", "--offline=true", threshold, unit]);
  expect(stdout).toMatch(/Overall exposure level for berth\.service: 1\.\d OK/);
});

testWith(
  ["systemd-analyze", "root", "unshare", "openssl", "node"],
  "systemd runs Berth as OPERATING.md installs it",
  async () => {
    await launch("scripts/build.ts");
    const home = await folder("systemd");
    const port = freePort();
    await writeFile(join(home, "password"), administrator.password);
    await writeFile(join(home, "script"), await script(port));
    const child = Bun.spawn(
      [...namespaces, "sh", join(import.meta.dir, "boot.sh"), home, "script"],
      {
        cwd: projectFolder,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        timeout: 100_000,
        killSignal: "SIGKILL",
      },
    );
    const has = async (name: string) => {
      while (!existsSync(join(home, name)) && child.exitCode === null) await Bun.sleep(50);
    };
    await has("is-up");
    if (child.exitCode === null) await useIt(`http://127.0.0.1:${port}`);
    await writeFile(join(home, "may-stop"), "");
    await child.exited;
    const said = await readFile(join(home, "output"), "utf8").catch(() => child.stderr.text());
    const result = await readFile(join(home, "result"), "utf8").catch(() => "none");
    expect(`${said}\n${result}`).toEndWith("\n0\n");
    expect(said).toContain("Made the administrator admin.");
    expect(said).toContain("Checked 1 blobs (5 bytes)");
  },
  150,
);

const namespaces = [
  "unshare",
  ...["--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "--kill-child"],
];

async function useIt(url: string): Promise<void> {
  const headers = { authorization: basic(administrator) };
  const digest = digestOf("hello");
  const push = `${url}/v2/demo/a/blobs/uploads/?digest=${digest}`;
  expect((await fetch(push, { method: "POST", body: "hello" })).status).toBe(401);
  expect((await fetch(push, { method: "POST", body: "hello", headers })).status).toBe(201);
  const pulled = await fetch(`${url}/v2/demo/a/blobs/${digest}`, { headers });
  expect(await pulled.text()).toBe("hello");
}

/** The commands of the handbook, as root, with a port of this test and a password that nobody types. */
async function script(port: number): Promise<string> {
  const handbook = await readFile(join(projectFolder, "docs", "OPERATING.md"), "utf8");
  const [, section = ""] = /\n## systemd\n(.*?)\n## /s.exec(handbook) ?? [];
  const install = section.split("\n\n").find((block) => block.startsWith("    ")) ?? "";
  expect(install).toContain("systemctl enable --now berth");
  return [
    `cd ${projectFolder}`,
    install
      .replace(
        "mkdir -p /etc/berth",
        `$&; echo BERTH_LISTEN=127.0.0.1:${port} >/etc/berth/berth.env`,
      )
      .replace(/berth setup .*/, "$& --password-stdin </host/password"),
    "! runuser -u berth -- cat /etc/berth/secret.key",
    "touch /host/is-up",
    "for second in $(seq 60); do [ ! -e /host/may-stop ] || break; sleep 1; done",
    "systemctl restart berth",
    "runuser -u berth -- berth verify --data /var/lib/berth",
    "systemctl stop berth",
    'test "$(systemctl show --property=Result --value berth)" = success',
  ].join("\n");
}
