/**
 * Goal: who was sent away while they sent a body does nothing with it. Method: half of a body, a
 * revocation, the other half, over raw sockets.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { makeImage, types } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "./closed-app.ts";

let app: ClosedApp;
const image = makeImage("app");
beforeAll(async () => {
  app = await startSetUpApp();
  await app.api(anna, "POST", "/api/v1/projects", { name: "team" });
  const headers = basic(anna);
  const oci = createOciClient((path, init = {}) =>
    app.fetch(path, { ...init, headers: { ...headers, ...(init.headers as object) } }),
  );
  await oci.pushImage("team/app", image, "v1");
});
afterAll(() => app.remove());

async function robot(name: string): Promise<SignIn> {
  const { body } = await app.api(anna, "POST", "/api/v1/projects/team/robots", {
    name,
    role: "owner",
  });
  return [body.name, body.secret];
}

/** The status of a request whose body stops in the middle, until `meanwhile` is done. */
async function sendSlowly(
  as: SignIn,
  [method, path, type]: readonly [string, string, string],
  body: string,
  meanwhile: () => Promise<unknown>,
): Promise<number> {
  const socket = connect(app.port, "127.0.0.1");
  await once(socket, "connect");
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${app.port}`,
    `authorization: ${basic(as)["authorization"]}`,
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body.slice(0, 8)}`);
  await Bun.sleep(100);
  await meanwhile();
  const answer = once(socket, "data");
  socket.write(body.slice(8));
  const [data] = (await answer) as [Buffer];
  socket.destroy();
  return Number(data.toString().split(" ")[1]);
}

const manifest = (seed: string) =>
  JSON.stringify({ ...JSON.parse(image.manifest), annotations: { seed } });
const ofRobot = ([name]: SignIn) => `/api/v1/projects/team/robots/${name}`;

describe("a body that comes slowly", () => {
  test("is a manifest as any other while nothing happens", async () => {
    const put = ["PUT", "/v2/team/app/manifests/slow", types.image] as const;
    expect(await sendSlowly(await robot("slow"), put, manifest("0"), async () => {})).toBe(201);
  });

  test.each([
    ["disabled", (as: SignIn) => app.api(anna, "PATCH", ofRobot(as), { disabled: true }), 401],
    ["deleted", (as: SignIn) => app.api(anna, "DELETE", ofRobot(as)), 401],
    [
      "no member any more",
      async (as: SignIn) => {
        const { body } = await app.api(anna, "GET", ofRobot(as));
        for (const { id } of body.grants) {
          await app.api(anna, "DELETE", `/api/v1/projects/team/grants/${id}`);
        }
      },
      403,
    ],
  ] as const)("changes nothing when its sender is %s", async (what, sendAway, status) => {
    const name = what.replaceAll(" ", "");
    const one = await robot(`${name}1`);
    const put = ["PUT", `/v2/team/app/manifests/${name}`, types.image] as const;
    expect(await sendSlowly(one, put, manifest(name), () => sendAway(one))).toBe(status);
    // By digest, where no tag would be asked about.
    const two = await robot(`${name}2`);
    const bytes = manifest(`${name} by digest`);
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
    const byDigest = ["PUT", `/v2/team/app/manifests/${digest}`, types.image] as const;
    expect(await sendSlowly(two, byDigest, bytes, () => sendAway(two))).toBe(status);
    const three = await robot(`${name}3`);
    const member = ["PUT", "/api/v1/projects/team/members/anna", "application/json"] as const;
    const answered = await sendSlowly(three, member, '{"role": "reader"}', () => sendAway(three));
    // Who is there but may not see the project is told that there is none.
    expect(answered).toBe(status === 403 ? 404 : status);
    const { body } = await app.api(anna, "GET", "/api/v1/repositories/team%2Fapp/tags");
    expect(body.items.map((tag: { name: string }) => tag.name)).toEqual(["slow", "v1"]);
  });
});
