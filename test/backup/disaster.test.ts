/**
 * Goal: the host is lost, and what was pushed comes back by doing what `berth backup restore` prints, and
 * nothing else. Method: a server with accounts is filled and backed up; its folder is removed, but for the
 * secret key that its operator keeps; the printed steps are followed; every digest is compared.
 * BERTH_TEST_DISASTER_MB sets how much it is; BERTH_TEST_CONFORMANCE names the program of the specification's
 * conformance tests, which what was restored is then put through as well.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Child, runCommand, startChild, temporaryFolder } from "../faults/support/child.ts";
import { numberFrom } from "../faults/support/requirements.ts";
import { createOciClient } from "../support/oci-client.ts";
import { fill, pullAll, serve } from "./world.ts";

const megabytes = numberFrom("BERTH_TEST_DISASTER_MB", 60);
const layerBytes = Math.min(50, megabytes) * 1_000_000;
const size = { images: 40, layers: Math.ceil((megabytes * 1_000_000) / layerBytes), layerBytes };

const conformance = Bun.env["BERTH_TEST_CONFORMANCE"];

const env = { BERTH_OPEN: "", BERTH_ADMIN_PASSWORD: "correct horse battery staple" };
const admin = `Basic ${Buffer.from(`admin:${env.BERTH_ADMIN_PASSWORD}`).toString("base64")}`;

let folder: ReturnType<typeof temporaryFolder>;
let child: Child | null = null;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await child?.kill();
  folder.remove();
});

test.each(["kept", "kept.tar"])(
  `${megabytes} MB are lost with their host, and come back from %s`,
  async (name) => {
    const data = join(folder.path, "data");
    const target = join(folder.path, name);
    const keyCopy = join(folder.path, "key-in-the-safe");
    const first = await serve(data, env, admin);
    child = first.child;
    const stored = await fill(first.client, size);
    const made = await runCommand(data, "backup", "create", target);
    expect(made).toMatchObject({ code: 0 });
    copyFileSync(join(data, "secret.key"), keyCopy);
    await child.kill();
    rmSync(data, { recursive: true });

    const host = join(folder.path, "new-host");
    const restored = await runCommand(host, "backup", "restore", target);
    expect(restored).toMatchObject({ code: 0 });
    const steps = stepsIn(restored.output);
    expect(steps).toHaveLength(4);
    for (const step of steps) await follow(step, keyCopy);
    const url = child?.url ?? "";
    const client = createOciClient((path, init) => {
      const headers = new Headers(init?.headers);
      headers.set("authorization", admin);
      return fetch(url + path, { ...init, headers });
    });
    expect(await pullAll(client, stored)).toEqual([]);
    if (conformance !== undefined) await conforms(conformance, new URL(url).host);
    expect(await runCommand(host, "audit", "verify")).toMatchObject({ code: 0 });
    expect((await runCommand(host, "audit", "list")).output).toContain("backup.began");
    await fill(client, { images: 2, layers: 0, layerBytes: 0 }, "after");
    console.log(`${made.output.trim().split("\n").at(-1)}\n${restored.output.split("\n")[0]}`);
  },
  600_000 + megabytes * 1_000,
);

async function conforms(program: string, registry: string): Promise<void> {
  const run = Bun.spawn([program], {
    cwd: folder.path,
    env: {
      ...{ OCI_REGISTRY: registry, OCI_TLS: "disabled", OCI_VERSION: "1.1" },
      ...{ OCI_REPO1: "conformance/one", OCI_REPO2: "conformance/two" },
      ...{ OCI_USERNAME: "admin", OCI_PASSWORD: env.BERTH_ADMIN_PASSWORD },
      OCI_API_BLOBS_DIGEST_HEADER: "true",
      OCI_API_BLOBS_UPLOAD_CANCEL: "true",
      OCI_API_BLOBS_MOUNT_ANONYMOUS: "true",
      OCI_API_MANIFESTS_DIGEST_HEADER: "true",
      OCI_API_MANIFESTS_TAG_PARAM: "true",
      OCI_DATA_SHA512: "true",
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ]);
  expect(`${await run.exited} ${err}`).toStartWith("0 ");
  console.log(out.trim().split("\n").slice(-12).join("\n"));
}

function stepsIn(output: string): string[] {
  return [...output.matchAll(/^ {2}\d+\. (.*)$/gm)].map(([, step = ""]) => step);
}

/** Does what a step says; one that is not understood is a step that an operator would not understand. */
async function follow(step: string, keyCopy: string): Promise<void> {
  const key = /^Put your copy of the secret key at (\S+) \(chmod 600\)/.exec(step)?.[1];
  if (key !== undefined) {
    copyFileSync(keyCopy, key);
    chmodSync(key, 0o600);
    return;
  }
  // There were no settings but those of the test itself.
  if (step.startsWith("Put your settings back")) return;
  const [, command, data = ""] = /^berth (verify|serve) --data (\S+)$/.exec(step) ?? [];
  if (command === "verify") {
    expect(await runCommand(data, "verify", "--data", data)).toMatchObject({ code: 0 });
  } else if (command === "serve") {
    child = await startChild({ data, env });
  } else {
    throw new Error(`nobody can follow this step: ${step}`);
  }
}
