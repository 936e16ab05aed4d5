/**
 * Goal: what is set about an S3 is what it gets to see: an authority of one's own, encryption, the bucket in
 * the host. Method: requests through the door, and a look at what came of them there.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { makeCertificates } from "../clients/proxy.ts";
import { temporaryFolder } from "../faults/support/child.ts";
import { inCi } from "../faults/support/requirements.ts";
import { digestOf } from "../support/images.ts";
import { createOciClient, expectError } from "../support/oci-client.ts";
import { type S3Call, type S3FaultProxy, startS3FaultProxy } from "../support/s3-fault-proxy.ts";
import {
  type S3Server,
  s3Settings,
  startStrictS3,
  startWeakS3,
  strictS3,
} from "../support/s3-servers.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
/** Answered from memory; by a link; sent in parts. */
const sizes = [100, 200_000, 9_000_000];
const program = strictS3();

async function withApp(env: Record<string, string>, body: (app: TestApp) => Promise<void>) {
  const app = await startTestApp({ env });
  try {
    await body(app);
  } finally {
    await app.remove();
  }
}

async function pushAndPull(app: TestApp): Promise<void> {
  const client = createOciClient(app.fetch);
  for (const size of sizes) {
    const content = new Uint8Array(size).map((_, i) => i * 11 + (i >> 8));
    const digest = await client.pushBlob(repository, content);
    const pulled = await app.fetch(`/v2/${repository}/blobs/${digest}`);
    expect(pulled.status).toBe(200);
    expect(digestOf(await pulled.bytes())).toBe(digest);
  }
}

describe("encryption", () => {
  let s3: S3Server;
  let proxy: S3FaultProxy;
  const seen: { call: S3Call; headers: IncomingMessage["headers"] }[] = [];

  beforeAll(async () => {
    s3 = await startWeakS3();
    const look = (call: S3Call, { headers }: IncomingMessage) => seen.push({ call, headers });
    proxy = await startS3FaultProxy(s3.endpoint, () => 0, look);
  });
  afterAll(async () => {
    await proxy.stop();
    await s3.stop();
  });

  test.each([
    ["AES256", { algorithm: "AES256", key: undefined }],
    ["aws:kms", { algorithm: "aws:kms", key: undefined }],
    ["aws:kms:alias/berth", { algorithm: "aws:kms", key: "alias/berth" }],
  ])("%s is asked for, and signed, with each object that is written", async (setting, wanted) => {
    seen.length = 0;
    const prefix = setting.replaceAll(/[:/]/g, "-");
    const env = { ...s3Settings({ endpoint: proxy.url }, prefix), BERTH_S3_ENCRYPTION: setting };
    await withApp(env, pushAndPull);
    const asked = seen.filter(({ call }) => call === "put" || call === "create");
    expect(new Set(asked.map(({ call }) => call))).toEqual(new Set(["put", "create"]));
    for (const { headers } of asked) {
      expect(headers["x-amz-server-side-encryption"]).toBe(wanted.algorithm);
      expect(headers["x-amz-server-side-encryption-aws-kms-key-id"]).toBe(wanted.key as string);
      const signed = /SignedHeaders=([^,]*)/.exec(headers.authorization ?? "")?.[1]?.split(";");
      expect(signed).toContain("x-amz-server-side-encryption");
    }
    // S3 refuses it with parts, and reads need none.
    for (const { headers } of seen.filter((one) => !asked.includes(one))) {
      expect(headers["x-amz-server-side-encryption"]).toBeUndefined();
    }
  });
});

if (program === null) {
  const reason = "versitygw is not installed";
  if (inCi) throw new Error(reason);
  test.skip(`TLS, and the bucket in the host: ${reason}`, () => {});
} else {
  describe("an authority of one's own", () => {
    const { path: folder } = temporaryFolder();
    const caOf = (which: string) => join(folder, which, "ca.pem");
    let s3: S3Server;

    beforeAll(async () => {
      for (const which of ["own", "other"]) {
        mkdirSync(join(folder, which));
        await makeCertificates(join(folder, which));
      }
      const at = (name: string) => join(folder, "own", name);
      s3 = await startStrictS3(program, ["--cert", at("server.pem"), "--key", at("server.key")]);
    });
    afterAll(async () => {
      await s3.stop();
      rmSync(folder, { recursive: true });
    });

    test("is believed, by Berth as by who follows its links", async () => {
      const env = { ...s3Settings(s3, "own"), BERTH_S3_CA: caOf("own") };
      await withApp({ ...env, BERTH_S3_REDIRECT: "false" }, pushAndPull);
      await withApp(env, async (app) => {
        const content = new Uint8Array(200_000).fill(7);
        const digest = await createOciClient(app.fetch).pushBlob(repository, content);
        const sent = await app.fetch(`/v2/${repository}/blobs/${digest}`, { redirect: "manual" });
        const link = sent.headers.get("location") ?? "";
        expect(link).toStartWith(`${s3.endpoint}/`);
        expect(s3.endpoint).toStartWith("https://");
        const linked = await fetch(link, { tls: { ca: readFileSync(caOf("own"), "utf8") } });
        expect(digestOf(await linked.bytes())).toBe(digest);
      });
    });

    test.each([["none"], ["other"]])("is not believed by who knows %s", async (which) => {
      const known = which === "none" ? {} : { BERTH_S3_CA: caOf(which) };
      await withApp({ ...s3Settings(s3, "other"), ...known }, async (app) => {
        const content = "for nobody";
        const refused = await app.fetch(
          `/v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`,
          { method: "POST", body: content },
        );
        await expectError(refused, 503, "UNAVAILABLE");
        // Lines are written a moment later.
        for (let waited = 0; app.logged.length === 0 && waited < 5_000; waited += 20) {
          await Bun.sleep(20);
        }
        expect(app.logged.join("\n")).toMatch(/CERT|certificate|SELF_SIGNED|UNABLE_TO/);
      });
    });
  });

  test("the bucket stands in the host where that is set", async () => {
    const hosts = new Set<string>();
    const paths = new Set<string>();
    const s3 = await startStrictS3(program, ["--virtual-domain", "localhost"]);
    const proxy = await startS3FaultProxy(
      s3.endpoint,
      () => 0,
      (_, { headers, url }) => {
        hosts.add(headers.host ?? "");
        paths.add(url?.split(/[/?]/)[1] ?? "");
      },
    );
    const { port } = new URL(proxy.url);
    const env = {
      ...s3Settings({ endpoint: `http://localhost:${port}` }, "in-host"),
      BERTH_S3_PATH_STYLE: "false",
    };
    try {
      await withApp(env, pushAndPull);
    } finally {
      await proxy.stop();
      await s3.stop();
    }
    expect(hosts).toEqual(new Set([`berth.localhost:${port}`]));
    expect(paths).toEqual(new Set(["in-host", ""]));
  });
}
