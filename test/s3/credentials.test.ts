/**
 * Goal: credentials come from wherever programs on AWS find them, and others are had before they end. Method:
 * the program, with nothing but the variables that such a place sets; a server that plays the place; and
 * before the S3 somebody who lets in only whom the place gave keys, checks every signature, and knows when
 * they are over.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild, temporaryFolder } from "../faults/support/child.ts";
import { digestOf } from "../support/images.ts";
import { createOciClient, type OciClient } from "../support/oci-client.ts";
import { type Issued, type S3Doorkeeper, startS3Doorkeeper } from "../support/s3-doorkeeper.ts";
import {
  type S3Server,
  startStrictS3,
  startWeakS3,
  strictS3,
  testBucket,
} from "../support/s3-servers.ts";

const repository = "team/app";
/** Berth asks for others this long before they end. */
const renewBeforeMs = 5 * 60 * 1000;
const askEveryMs = 10_000;
/** Of one question the library makes several, where it is not answered. */
const retriesOfOneMax = 10;
const hourMs = 60 * 60 * 1000;
/** Larger than what is answered from memory, and than what is sent in one piece. */
const sizes = [200_000, 9_000_000];

let s3: S3Server;

beforeAll(async () => {
  const program = strictS3();
  s3 = await (program === null ? startWeakS3() : startStrictS3(program));
});
afterAll(() => s3.stop());

/** A place that gives credentials. */
interface Place {
  /** What it gives from now on; null: it answers nobody. */
  gives: Issued | null;
  /** What a program must show, in the file that it was told of. */
  proof: string;
  readonly proofFile: string;
  readonly url: string;
  /** How often it gave some. */
  readonly given: number;
  /** Requests to it. */
  readonly asked: number;
  /** How often it was asked without what it wants to see. */
  readonly unproven: number;
  stop(): Promise<void>;
}

const expiring = {
  "a web identity": {
    env: ({ url, proofFile }: Place) => ({
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/berth",
      AWS_WEB_IDENTITY_TOKEN_FILE: proofFile,
      AWS_ENDPOINT_URL_STS: url,
      AWS_REGION: "us-east-1",
    }),
    async answer(place: Place, request: Request, issued: Issued) {
      const asked = new URLSearchParams(await request.text());
      if (asked.get("Action") !== "AssumeRoleWithWebIdentity") return null;
      if (asked.get("WebIdentityToken") !== place.proof) return null;
      return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials>
          <AccessKeyId>${issued.accessKeyId}</AccessKeyId>
          <SecretAccessKey>${issued.secretAccessKey}</SecretAccessKey>
          <SessionToken>${issued.sessionToken}</SessionToken>
          <Expiration>${issued.expiresAt?.toISOString()}</Expiration>
        </Credentials></AssumeRoleWithWebIdentityResult>
      </AssumeRoleWithWebIdentityResponse>`;
    },
  },
  "the container": {
    env: ({ url, proofFile }: Place) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: proofFile,
    }),
    async answer(place: Place, request: Request, issued: Issued) {
      if (request.headers.get("authorization") !== place.proof) return null;
      return JSON.stringify(fieldsOf(issued));
    },
  },
  "the instance": {
    env: ({ url }: Place) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url }),
    // In its second version one asks for a token first.
    async answer(place: Place, request: Request, issued: Issued) {
      const { pathname } = new URL(request.url);
      if (pathname === "/latest/api/token" && request.method === "PUT") return place.proof;
      if (request.headers.get("x-aws-ec2-metadata-token") !== place.proof) return null;
      const roles = "/latest/meta-data/iam/security-credentials/";
      if (pathname === roles) return "berth";
      if (pathname !== `${roles}berth`) return null;
      return JSON.stringify({ Code: "Success", ...fieldsOf(issued) });
    },
  },
} as const;

type Kind = keyof typeof expiring;

function fieldsOf({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: Issued) {
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiresAt?.toISOString(),
  };
}

function openPlace(kind: Kind, folder: string): Place {
  const counts = { asked: 0, given: 0, unproven: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      counts.asked += 1;
      if (place.gives === null) return new Response("busy", { status: 500 });
      const text = await expiring[kind].answer(place, request, place.gives);
      if (text === null) counts.unproven += 1;
      else if (text.includes(place.gives.accessKeyId)) counts.given += 1;
      return text === null ? new Response("who?", { status: 401 }) : new Response(text);
    },
  });
  let proof = "";
  const proofFile = join(folder, "proof");
  const place: Place = {
    gives: null,
    get proof() {
      return proof;
    },
    set proof(text) {
      proof = text;
      writeFileSync(proofFile, text);
    },
    proofFile,
    url: `http://127.0.0.1:${server.port}`,
    get given() {
      return counts.given;
    },
    get asked() {
      return counts.asked;
    },
    get unproven() {
      return counts.unproven;
    },
    stop: () => server.stop(true),
  };
  place.proof = "proof one";
  return place;
}

interface World {
  readonly folder: string;
  readonly door: S3Doorkeeper;
  start(env: Readonly<Record<string, string>>): Promise<OciClient>;
  output(): string;
}

async function inWorld(body: (world: World) => Promise<void>): Promise<void> {
  const folder = temporaryFolder();
  const door = await startS3Doorkeeper(s3.endpoint);
  let child: Child | null = null;
  try {
    await body({
      folder: folder.path,
      door,
      async start(env) {
        child = await startChild({
          data: join(folder.path, "data"),
          env: {
            HOME: folder.path,
            BERTH_BLOBS: `s3://${testBucket}/${Bun.randomUUIDv7()}`,
            BERTH_S3_ENDPOINT: door.endpoint,
            ...env,
          },
        });
        const { url } = child;
        return createOciClient((path, init) => fetch(new URL(path, url), init));
      },
      output: () => child?.output() ?? "",
    });
  } finally {
    await (child as Child | null)?.kill();
    await door.stop();
    folder.remove();
  }
}

/** A GET of a large blob leads to the S3, by a link that Berth signed. */
async function pushAndPull(client: OciClient, seed: number): Promise<void> {
  for (const size of sizes) {
    const content = new Uint8Array(size).map((_, i) => i * 7 + (i >> 8) + seed);
    const digest = await client.pushBlob(repository, content);
    const pulled = await client.fetch(`/v2/${repository}/blobs/${digest}`);
    expect([pulled.status, pulled.redirected]).toEqual([200, true]);
    expect(digestOf(await pulled.bytes())).toBe(digest);
  }
}

test.concurrent("a profile in the file of credentials is used", () =>
  inWorld(async ({ folder, door, start }) => {
    const issued = door.issue(null);
    const file = join(folder, "credentials");
    writeFileSync(
      file,
      `[default]\naws_access_key_id = nobody\naws_secret_access_key = none\n
[registry]
aws_access_key_id = ${issued.accessKeyId}
aws_secret_access_key = ${issued.secretAccessKey}\n`,
    );
    const client = await start({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "registry" });
    await pushAndPull(client, 1);
    expect(door.passed(issued).signed).toBeGreaterThan(sizes.length);
    expect(door.passed(issued).linked).toBe(sizes.length);
    expect(door.refused).toEqual([]);
  }));

test.concurrent.each(Object.keys(expiring) as Kind[])(
  "%s gives credentials, which are renewed before they end, and when S3 says that they have ended",
  (kind) =>
    inWorld(async ({ folder, door, start, output }) => {
      const place = openPlace(kind, folder);
      try {
        const first = door.issue(hourMs);
        place.gives = first;
        const client = await start(expiring[kind].env(place));
        await pushAndPull(client, 1);
        expect(door.passed(first).signed).toBeGreaterThan(sizes.length);
        expect(door.passed(first).linked).toBe(sizes.length);
        expect(place.given).toBe(1);
        expect(door.refused).toEqual([]);

        const second = door.issue(renewBeforeMs - 1);
        place.gives = second;
        place.proof = "proof two";
        door.end(first);
        await pushAndPull(client, 2);
        expect(door.passed(second).linked).toBe(sizes.length);
        const { length } = door.refused;
        expect(door.refused).toEqual(Array.from({ length }, () => "ExpiredToken"));

        // They end soon: others are asked for, now and then. Until there are some, these will do.
        place.gives = null;
        const asked = { times: place.asked, at: performance.now() };
        await pushAndPull(client, 3);
        await pushAndPull(client, 4);
        const tries = 1 + (performance.now() - asked.at) / askEveryMs;
        expect(place.asked - asked.times).toBeLessThan(tries * retriesOfOneMax);
        const third = door.issue(hourMs);
        place.gives = third;
        for (let seed = 5; door.passed(third).signed === 0; seed++) {
          await pushAndPull(client, seed);
          await Bun.sleep(200);
        }
        expect(door.refused).toHaveLength(length);
        expect(place.unproven).toBe(0);
        expect(output()).not.toMatch(/secret\/of|token\/of|proof/);
      } finally {
        await place.stop();
      }
    }),
  120_000,
);
