/**
 * Goal: what people push with their clients (an index of two platforms, a signature, an SBOM) comes back
 * from the trash so that they pull and verify it, and once erased its bytes are gone from the store.
 * Method: crane and cosign against a running server, on files or on S3.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endAll, folder, run } from "../clients/support.ts";
import { testWith } from "../deploy/support.ts";
import { makeImage, makeIndex } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { operatorGets } from "../support/operator.ts";
import { startTestApp, type TestApp, testsRunOnS3 } from "../support/test-app.ts";

const repository = "trash/app";
const platforms = ["amd64", "arm64"];
const plain = "--allow-http-registry";

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
});

afterAll(async () => {
  await app.remove();
  await endAll();
});

const api = <T>(method: string, path: string, body?: unknown) =>
  operatorGets<T>(app.folder, method, path, body);

interface Unit {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly tag_count: number;
}

async function trash(): Promise<readonly Unit[]> {
  return (await api<{ items: Unit[] }>("GET", `/trash?repository=${repository}`)).items;
}

/** Blobs that the store itself has, as it is asked, and at rest as its folder is read. */
async function storedBlobs(): Promise<number> {
  const stored = await verifiedBlobs();
  if (!testsRunOnS3) expect(filesIn(join(app.folder, "blobs"))).toBe(stored);
  return stored;
}

async function verifiedBlobs(): Promise<number> {
  const report = await api<{ checked: { files: number } }>("POST", "/verify", {});
  return report.checked.files;
}

function filesIn(path: string): number {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(path, name)).isFile(),
  ).length;
}

/** Pushes an index of two platforms and signs it; gives its digest and how to see that all is there. */
async function pushSigned() {
  const home = await folder("trash");
  const env = {
    COSIGN_PASSWORD: "secret",
    // Nothing here is verified against the public instance, so nothing may ask it.
    TUF_MIRROR: "http://127.0.0.1:9",
    TUF_ROOT: join(home, "tuf"),
  };
  const cosign = (...argv: string[]) => run(["cosign-v3", ...argv], { cwd: home, env });
  const crane = (...argv: string[]) => run(["crane", ...argv, "--insecure"], { cwd: home });

  const images = platforms.map((architecture) => ({
    architecture,
    image: makeImage(`trash ${architecture}`),
  }));
  for (const { image } of images) await client.pushImage(repository, image);
  const index = makeIndex(
    images.map(({ architecture, image }) => ({
      ...image.descriptor,
      platform: { architecture, os: "linux" },
    })),
  );
  const pushed = await client.pushManifest(repository, "v1", index);
  const digest = pushed.headers.get("docker-content-digest") ?? "";
  const reference = `127.0.0.1:${app.port}/${repository}@${digest}`;
  const tagged = `127.0.0.1:${app.port}/${repository}:v1`;

  await cosign("generate-key-pair");
  await cosign("signing-config", "create", "--out", "signing.json");
  await cosign("trusted-root", "create", "--out", "trusted.json");
  await writeFile(join(home, "spdx.json"), '{"spdxVersion": "SPDX-2.3"}\n');
  const offline = ["--signing-config", "signing.json", "--trusted-root", "trusted.json"];
  const withKey = ["--key", "cosign.key", plain, "--yes", ...offline];
  await cosign("sign", ...withKey, reference);
  await cosign("attest", ...withKey, "--type", "spdxjson", "--predicate", "spdx.json", reference);

  const publicKey = ["--key", "cosign.pub", "--insecure-ignore-tlog", plain];
  return {
    digest,
    async expectWhole(): Promise<void> {
      for (const { architecture, image } of images) {
        const got = await crane("manifest", "--platform", `linux/${architecture}`, tagged);
        expect(got.stdout.trim()).toBe(image.manifest);
        for (const layer of [image.config, ...image.layers]) {
          const blob = `127.0.0.1:${app.port}/${repository}@${digestOfText(layer)}`;
          expect((await crane("blob", blob)).stdout).toBe(layer);
        }
      }
      const trusted = [...publicKey, "--trusted-root", "trusted.json"];
      expect((await cosign("verify", ...trusted, tagged)).stdout).toContain(digest);
      await cosign("verify-attestation", "--type", "spdxjson", ...trusted, tagged);
    },
    async expectGone(): Promise<void> {
      const { exitCode } = await run(["crane", "manifest", tagged, "--insecure"], {
        mayFail: true,
      });
      expect(exitCode).not.toBe(0);
    },
    remove: () => crane("delete", reference),
  };
}

function digestOfText(text: string): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;
}

testWith(
  ["crane", "cosign-v3"],
  "an index with a signature and an SBOM: deleted, seen in the trash, restored, verified, erased",
  async () => {
    await client.pushImage(repository, makeImage("staying"), "staying");
    const before = await storedBlobs();
    const signed = await pushSigned();
    await signed.expectWhole();
    const full = await storedBlobs();
    expect(full).toBeGreaterThan(before + 6);

    await signed.remove();
    await signed.expectGone();
    const units = await trash();
    expect(units).toMatchObject([
      { kind: "manifest", name: `${repository}@${signed.digest}`, tags: ["v1"], tag_count: 1 },
    ]);
    const ids = units.map(({ id }) => id);
    const { units: restored } = await api<{ units: object[] }>("POST", "/trash/restore", {
      units: ids,
    });
    expect(restored).toMatchObject([{ restored: true, tags: ["v1"], taken: [] }]);
    await signed.expectWhole();
    expect(await trash()).toEqual([]);

    await signed.remove();
    expect(await storedBlobs()).toBe(full);
    const again = (await trash()).map(({ id }) => id);
    const { units: erased } = await api<{ units: object[] }>("POST", "/trash/erase", {
      units: again,
    });
    expect(erased).toMatchObject([{ erased: true, blobs: full - before }]);
    expect(await trash()).toEqual([]);
    await signed.expectGone();
    for (let waited = 0; (await verifiedBlobs()) > before; waited += 200) {
      expect(waited).toBeLessThan(30_000);
      await Bun.sleep(200);
    }
    expect(await storedBlobs()).toBe(before);
    expect(await client.status(`/v2/${repository}/manifests/staying`)).toBe(200);
    const lines = await app.rows(
      "select action from audit where action in ('manifest.restored', 'manifest.erased') order by seq",
    );
    expect(lines.map(({ action }) => action)).toEqual(["manifest.restored", "manifest.erased"]);
  },
  180,
);
