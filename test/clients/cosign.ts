import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { seed, smallImage } from "./content.ts";
import { type Door, door } from "./door.ts";
import { dockerEnvironment, loginWith, refusedCell, signsIn } from "./sign-in.ts";
import { cell, folder, type RunOptions, run } from "./support.ts";

interface Signing {
  /** Folder with cosign.key, cosign.pub and the documents to attach. */
  readonly home: string;
  readonly host: string;
  readonly direct: Door;
  cosign(...argv: string[]): Promise<string>;
}

const plain = "--allow-http-registry";
const withKey = ["--key", "cosign.key", plain, "--yes"];
const predicate = '{"builder": "a test"}\n';
const spdx = '{"spdxVersion": "SPDX-2.3"}\n';
const artifactTypeV2 = "application/vnd.dev.cosign.artifact.sig.v1+json";
const artifactTypeV3 = "application/vnd.dev.sigstore.bundle.v0.3+json";

const signIns = {
  "cosign-v2": signInOf("cosign-v2"),
  "cosign-v3": signInOf("cosign-v3"),
} as const;
type Program = keyof typeof signIns;

function signInOf(program: string) {
  return signsIn(program, {
    environment: dockerEnvironment,
    login: loginWith((host, name) => [
      program,
      "login",
      host,
      "--username",
      name,
      "--password-stdin",
    ]),
  });
}

/** One cell for a version of cosign. */
function refusedWithoutLogin(client: string, program: Program): void {
  refusedCell(
    client,
    { needs: [program] },
    {
      async pull(repository, digest) {
        const { home } = await signing(program);
        const key = ["--key", join(home, "cosign.pub"), "--insecure-ignore-tlog"];
        return [program, "verify", ...key, plain, `${repository}@${digest}`];
      },
      env: signIns[program].nowhere,
      says: /UNAUTHORIZED: authentication required/,
    },
  );
}

async function signing(
  program: Program,
  more: Readonly<Record<string, string>> = {},
): Promise<Signing> {
  const { host } = await registry();
  const home = await folder(program);
  const options: RunOptions = {
    cwd: home,
    // Nothing here is verified against the public instance, so nothing may ask it.
    env: {
      COSIGN_PASSWORD: "secret",
      TUF_MIRROR: "http://127.0.0.1:9",
      TUF_ROOT: join(home, "tuf"),
      ...more,
    },
  };
  const cosign = async (...argv: string[]) => {
    const env = { ...options.env, ...(await signIns[program].at(argv)) };
    const { stdout, stderr } = await run([program, ...argv], { ...options, env });
    return stdout + stderr;
  };
  if (!existsSync(join(home, "cosign.key"))) {
    await cosign("generate-key-pair");
    await writeFile(join(home, "predicate.json"), predicate);
    await writeFile(join(home, "spdx.json"), spdx);
    await cosign("trusted-root", "create", "--out", "trusted.json");
  }
  return { home, host, direct: door(host), cosign };
}

/** Pushes a new image; gives its reference by digest. */
async function subject({ host, direct }: Signing, repository: string) {
  const image = smallImage();
  await seed(direct, repository, "1", image);
  const { digest } = image.descriptor;
  return { image, digest, reference: `${host}/${repository}@${digest}` };
}

const withPublicKey = ["--key", "cosign.pub", "--insecure-ignore-tlog", plain].concat([
  "--trusted-root",
  "trusted.json",
]);

describe("cosign v2", () => {
  const program = "cosign-v2";
  const options = { needs: [program] };
  refusedWithoutLogin("cosign v2", program);
  const noLog = "--tlog-upload=false";

  cell("cosign v2", "sign", options, async () => {
    const s = await signing(program);
    const { reference, digest } = await subject(s, "cosign2/signed");
    await s.cosign("sign", ...withKey, noLog, reference);
    expect(await s.cosign("verify", ...withPublicKey, reference)).toContain(digest);
    const tag = `${digest.replace(":", "-")}.sig`;
    expect(await s.direct.tags("cosign2/signed")).toEqual(["1", tag]);
    await s.direct.readBack("cosign2/signed", tag);
  });

  cell("cosign v2", "attest", options, async () => {
    const s = await signing(program);
    const { reference } = await subject(s, "cosign2/attested");
    const statement = ["--type", "custom", "--predicate", "predicate.json"];
    await s.cosign("attest", ...withKey, noLog, ...statement, reference);
    const verify = ["verify-attestation", "--type", "custom", ...withPublicKey];
    expect(await s.cosign(...verify, reference)).toContain("payloadType");
  });

  cell("cosign v2", "attach sbom", options, async () => {
    const s = await signing(program);
    const { reference } = await subject(s, "cosign2/listed");
    await s.cosign("attach", "sbom", "--sbom", "spdx.json", "--type", "spdx", plain, reference);
    expect(await s.cosign("download", "sbom", plain, reference)).toContain(spdx.trim());
    expect(await s.cosign("tree", plain, reference)).toContain(".sbom");
  });

  cell("cosign v2", "copy", options, async () => {
    const s = await signing(program);
    const { reference, digest, image } = await subject(s, "cosign2/original");
    await s.cosign("sign", ...withKey, noLog, reference);
    await s.cosign("copy", plain, `${s.host}/cosign2/original:1`, `${s.host}/cosign2/copy:1`);
    expect((await s.direct.readBack("cosign2/copy", "1")).text).toBe(image.text);
    expect(await s.cosign("verify", ...withPublicKey, `${s.host}/cosign2/copy:1`)).toContain(
      digest,
    );
  });

  cell("cosign v2", "delete", options, async () => {
    const s = await signing(program);
    const { reference, image } = await subject(s, "cosign2/cleaned");
    await s.cosign("sign", ...withKey, noLog, reference);
    await s.cosign("attach", "sbom", "--sbom", "spdx.json", "--type", "spdx", plain, reference);
    await s.cosign("clean", "--force", plain, `${s.host}/cosign2/cleaned:1`);
    expect(await s.direct.tags("cosign2/cleaned")).toEqual(["1"]);
    expect((await s.direct.readBack("cosign2/cleaned", "1")).text).toBe(image.text);
  });

  cell("cosign v2", "referrers", options, async () => {
    // cosign v2 knows referrers only where it is told that it is experimental.
    const s = await signing(program, { COSIGN_EXPERIMENTAL: "1" });
    const { reference, digest } = await subject(s, "cosign2/referred");
    const mode = ["--registry-referrers-mode", "oci-1-1"];
    await s.cosign("sign", ...withKey, noLog, ...mode, reference);
    const found = await s.direct.referrers("cosign2/referred", digest);
    expect(found.map(({ artifactType }) => artifactType)).toEqual([artifactTypeV2]);
    await s.cosign("verify", "--experimental-oci11", ...withPublicKey, reference);
    expect(await s.direct.tags("cosign2/referred")).toEqual(["1"]);
  });
});

describe("cosign v3", () => {
  const program = "cosign-v3";
  const options = { needs: [program] };
  refusedWithoutLogin("cosign v3", program);

  /** Settings with which cosign signs without asking anybody else. */
  async function offline(s: Signing): Promise<string[]> {
    if (!existsSync(join(s.home, "signing.json"))) {
      await s.cosign("signing-config", "create", "--out", "signing.json");
    }
    return ["--signing-config", "signing.json", "--trusted-root", "trusted.json"];
  }

  cell("cosign v3", "sign", options, async () => {
    const s = await signing(program);
    const { reference, digest } = await subject(s, "cosign3/signed");
    await s.cosign("sign", ...withKey, ...(await offline(s)), reference);
    expect(await s.cosign("verify", ...withPublicKey, reference)).toContain(digest);
    expect(await s.direct.tags("cosign3/signed")).toEqual(["1"]);
  });

  cell("cosign v3", "attest", options, async () => {
    const s = await signing(program);
    const { reference, digest } = await subject(s, "cosign3/attested");
    for (const [type, file] of [
      ["custom", "predicate.json"],
      ["spdxjson", "spdx.json"],
    ] as const) {
      const statement = ["--type", type, "--predicate", file, ...(await offline(s))];
      await s.cosign("attest", ...withKey, ...statement, reference);
      await s.cosign("verify-attestation", "--type", type, ...withPublicKey, reference);
    }
    expect(await s.direct.referrers("cosign3/attested", digest)).toHaveLength(2);
  });

  cell("cosign v3", "copy", options, async () => {
    const s = await signing(program);
    const { image } = await subject(s, "cosign3/original");
    const from = `${s.host}/cosign3/original:1`;
    await s.cosign("save", plain, "--dir", join(s.home, "saved"), from);
    await s.cosign("load", plain, "--dir", join(s.home, "saved"), `${s.host}/cosign3/copy:1`);
    expect((await s.direct.readBack("cosign3/copy", "1")).text).toBe(image.text);
  });

  cell("cosign v3", "delete", options, async () => {
    const s = await signing(program);
    const { reference, digest, image } = await subject(s, "cosign3/cleaned");
    await s.cosign("sign", ...withKey, ...(await offline(s)), reference);
    await s.cosign("clean", "--force", plain, reference);
    expect(await s.direct.referrers("cosign3/cleaned", digest)).toEqual([]);
    expect((await s.direct.readBack("cosign3/cleaned", "1")).text).toBe(image.text);
  });

  cell("cosign v3", "referrers", options, async () => {
    const s = await signing(program);
    const { reference, digest } = await subject(s, "cosign3/referred");
    await s.cosign("sign", ...withKey, ...(await offline(s)), reference);
    const [found, ...more] = await s.direct.referrers("cosign3/referred", digest);
    expect(more).toEqual([]);
    expect(found?.artifactType).toBe(artifactTypeV3);
    expect(await s.cosign("tree", plain, reference)).toContain(found?.digest ?? "no referrer");
  });
});
