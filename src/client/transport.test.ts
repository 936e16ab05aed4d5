/**
 * Goal: a client signs in as a registry asks for, shows what it proves itself with to nobody else, and goes
 * on where it may. Method: registries of a few lines on loopback, which note what they are asked.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../lib/clock.ts";
import { ClientError } from "./client-error.ts";
import { registryTarget } from "./registry-target.ts";
import { fetchToken } from "./registry-token-source.ts";
import { openRepository } from "./remote-repository.ts";
import { digestOfBytes } from "./stored-manifest.ts";
import { createTransport } from "./transport.ts";

const anna = { kind: "basic", name: "anna", secret: "s" } as const;
const basic = `Basic ${Buffer.from("anna:s").toString("base64")}`;
const servers: { stop(force: boolean): unknown }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly body: string;
}

function serve(answer: (asked: Asked, origin: string) => Response) {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search, origin } = new URL(request.url);
      const one = {
        method: request.method,
        path: decodeURIComponent(pathname + search),
        authorization: request.headers.get("authorization"),
        body: await request.text(),
      };
      asked.push(one);
      return answer(one, origin);
    },
  });
  servers.push(server);
  return { asked, origin: `http://127.0.0.1:${server.port}` };
}

function transportTo(origin: string, signIn: Parameters<typeof createTransport>[0]["signIn"]) {
  return createTransport({ origin, signIn, trustFolders: [], clock: systemClock });
}

const get = (target: string) => ({ method: "GET", target, scopes: ["repository:a:pull"] }) as const;

const thrown = (work: Promise<unknown>) => work.catch((error: unknown) => error as ClientError);

describe("signs in", () => {
  function withTokens() {
    return serve(({ path, authorization }, origin) => {
      if (path.startsWith("/token")) return Response.json({ token: "t1", expires_in: 300 });
      if (authorization === "Bearer t1") return new Response("yes");
      const challenge = `Bearer realm="${origin}/token",service="here"`;
      return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
    });
  }

  test("with a token of the service that it is sent to, which it keeps", async () => {
    const { asked, origin } = withTokens();
    const transport = transportTo(origin, anna);
    for (let times = 0; times < 2; times++) {
      expect(await (await transport.send(get("/v2/a/tags/list"))).text()).toBe("yes");
    }
    expect(asked.map(({ path, authorization }) => [path, authorization])).toEqual([
      ["/v2/a/tags/list", null],
      ["/token?service=here&scope=repository:a:pull", basic],
      ["/v2/a/tags/list", "Bearer t1"],
      ["/v2/a/tags/list", "Bearer t1"],
    ]);
  });

  test("with an identity token by a form", async () => {
    const { asked, origin } = withTokens();
    await transportTo(origin, { kind: "identity", token: "id" }).send(get("/v2/"));
    const [, form] = asked;
    expect(form?.method).toBe("POST");
    expect(Object.fromEntries(new URLSearchParams(form?.body))).toEqual({
      grant_type: "refresh_token",
      refresh_token: "id",
      client_id: "berth",
      service: "here",
      scope: "repository:a:pull",
    });
  });

  test("with name and secret where they are asked for, and not before", async () => {
    const { asked, origin } = serve(({ authorization }) =>
      authorization === basic
        ? new Response("yes")
        : new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
    );
    await transportTo(origin, anna).send(get("/v2/"));
    expect(asked.map(({ authorization }) => authorization)).toEqual([null, basic]);
    const refused = await thrown(transportTo(origin, null).send(get("/v2/")));
    expect(refused).toBeInstanceOf(ClientError);
    expect((refused as ClientError).status).toBe(401);
  });

  test("nowhere without TLS for a registry that has it", async () => {
    const challenge = { scheme: "bearer", params: { realm: "http://127.0.0.1:1/token" } };
    const options = { signIn: anna, clock: systemClock, origin: "https://a.example", trust: {} };
    expect(String(await thrown(fetchToken(challenge, [], options)))).toContain("is without TLS");
  });
});

test("GHSA-wjpm-hv5w-gxr6: where blobs lie elsewhere nobody there sees the sign-in", async () => {
  const elsewhere = serve(() => new Response("bytes"));
  const { origin } = serve(({ authorization }) =>
    authorization === basic
      ? new Response("", { status: 307, headers: { location: `${elsewhere.origin}/blob` } })
      : new Response("", { status: 401, headers: { "www-authenticate": "Basic" } }),
  );
  const answer = await transportTo(origin, anna).send(get("/v2/a/blobs/x"));
  expect(await answer.text()).toBe("bytes");
  expect(elsewhere.asked.map(({ authorization }) => authorization)).toEqual([null]);
});

describe("CVE-2026-33540: a challenge of another host is none of the registry's", () => {
  function withThief() {
    const thief = serve((_, origin) => {
      const challenge = `Bearer realm="${origin}/token",service="x", Basic realm="x"`;
      return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
    });
    const { origin, asked } = serve(({ method }) => {
      const headers = { location: `${thief.origin}/elsewhere` };
      return new Response("", { status: method === "POST" ? 202 : 307, headers });
    });
    return { thief, origin, asked };
  }
  const identity = { kind: "identity", token: "id" } as const;

  test.each([anna, identity])("after a redirect, with a sign-in of kind $kind", async (signIn) => {
    const { thief, origin } = withThief();
    const refused = await thrown(transportTo(origin, signIn).send(get("/v2/a/blobs/x")));
    expect((refused as ClientError).status).toBe(401);
    // Nor is anybody told to sign in there.
    expect(String(refused)).not.toContain("berth login");
    expect(
      thief.asked.map(({ method, path, authorization, body }) => [
        method,
        path,
        authorization,
        body,
      ]),
    ).toEqual([["GET", "/elsewhere", null, ""]]);
  });

  test.each([anna, identity])(
    "where an upload goes on, with a sign-in of kind $kind",
    async (signIn) => {
      const { thief, origin } = withThief();
      const repository = openRepository(transportTo(origin, signIn), "a", "pull,push");
      const location = await repository.startUpload(null);
      const bytes = new Uint8Array(Buffer.from("bytes"));
      const digest = digestOfBytes(bytes, "sha256");
      const refused = await thrown(repository.finishUpload(location ?? "", digest, bytes));
      expect((refused as ClientError).status).toBe(401);
      expect(
        thief.asked.map(({ method, path, authorization }) => [method, path, authorization]),
      ).toEqual([["PUT", `/elsewhere?digest=${digest}`, null]]);
    },
  );
});

test("what was too much, or broke, is asked again; what was refused is not", async () => {
  let times = 0;
  const { asked, origin } = serve(({ path }) => {
    if (path === "/v2/refused")
      return Response.json({ errors: [{ code: "DENIED", message: "no" }] }, { status: 403 });
    times += 1;
    if (times > 2) return new Response("yes");
    return new Response("", { status: times === 1 ? 429 : 502, headers: { "retry-after": "0" } });
  });
  const transport = transportTo(origin, null);
  expect(await (await transport.send(get("/v2/busy"))).text()).toBe("yes");
  expect(asked).toHaveLength(3);
  const refused = (await thrown(transport.send(get("/v2/refused")))) as ClientError;
  expect(refused.status).toBe(403);
  expect(refused.message).toEndWith(": no");
  expect(asked).toHaveLength(4);
});

test("GHSA-xgp2-5vxg-rgh2: lists go on as Link headers lead, at this host alone", async () => {
  const { origin } = serve(({ path }) => {
    if (path === "/v2/a/tags/list") {
      return Response.json(
        { tags: ["v1"] },
        { headers: { link: '</v2/a/tags/list?last=v1>; rel="next"' } },
      );
    }
    if (path === "/v2/b/tags/list") {
      return Response.json(
        { tags: ["v1"] },
        { headers: { link: '<http://other.example/>; rel="next"' } },
      );
    }
    return Response.json({ tags: ["v2"] });
  });
  const tagsOf = async (name: string) => {
    const tags: string[] = [];
    for await (const tag of openRepository(transportTo(origin, null), name, "pull").tags())
      tags.push(tag);
    return tags;
  };
  expect(await tagsOf("a")).toEqual(["v1", "v2"]);
  expect(String(await thrown(tagsOf("b")))).toContain("at another host");
});

test("bytes that are not those of the digest are no manifest", async () => {
  const { origin } = serve(
    () => new Response("{}", { headers: { "content-type": "application/x" } }),
  );
  const repository = openRepository(transportTo(origin, null), "a", "pull");
  const wanted = digestOfBytes(Buffer.from("other"), "sha256");
  expect(String(await thrown(repository.manifest(wanted)))).toContain("have the digest");
});

test("what refers to an image is listed under a tag where the registry lists nothing itself", async () => {
  const kept = new Map<string, string>();
  const { origin } = serve(({ method, path, body }) => {
    const reference = path.replace("/v2/a/manifests/", "");
    if (method === "PUT") {
      kept.set(reference, body);
      return new Response("", { status: 201 });
    }
    const found = kept.get(reference);
    if (found === undefined) return new Response("", { status: 404 });
    return new Response(found, {
      headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
    });
  });
  const repository = openRepository(transportTo(origin, null), "a", "pull,push");
  const notes = { find: async () => null, keep() {}, drop() {} };
  const target = registryTarget({ name: "a", repository, mountsFrom: null, notes });
  const subject = digestOfBytes(Buffer.from("subject"), "sha256");
  const place = { name: null, isWhole: true, subject };
  for (const seed of ["one", "two", "one"]) {
    const bytes = new Uint8Array(Buffer.from(JSON.stringify({ artifactType: "x/y", seed })));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const digest = digestOfBytes(bytes, "sha256");
    await target.putManifest({ digest, mediaType, bytes }, place);
  }
  const { manifests } = JSON.parse(kept.get(subject.replace(":", "-")) ?? "{}");
  expect(manifests).toHaveLength(2);
  expect(manifests[0].artifactType).toBe("x/y");
});

test("an upload goes on where the registry says that it goes on", async () => {
  const content = new Uint8Array(5 * 1024 * 1024).fill(7);
  const digest = digestOfBytes(content, "sha256");
  let size = 3_000_000;
  // As distribution has it: an address that tells of another offset than there is, is refused.
  const { asked, origin } = serve(({ method, path, body }) => {
    const isStale = !path.includes(`state=${size}`);
    if (method !== "GET" && isStale) return new Response("", { status: 416 });
    if (method === "PATCH") size += body.length;
    const headers = { location: `/v2/a/u?state=${size}`, range: `0-${size - 1}` };
    return new Response(null, {
      status: method === "PUT" ? 201 : method === "GET" ? 204 : 202,
      headers,
    });
  });
  const repository = openRepository(transportTo(origin, null), "a", "pull,push");
  const notes = {
    find: () => repository.uploadState("/v2/a/u?state=0"),
    keep() {},
    drop() {},
  };
  const target = registryTarget({ name: "a", repository, mountsFrom: null, notes });
  const open = async (from: number) => new Blob([content.subarray(from)]).stream();
  const blob = { digest, sizeBytes: content.byteLength };
  let told = 0;
  const hear = (bytes: number) => {
    told += bytes;
  };
  await target.putBlob(blob, open, hear, new AbortController().signal);
  // What is streamed is not sent before it is known whether that takes a sign-in.
  expect(asked.map(({ method }) => method)).toEqual(["GET", "GET", "PATCH", "PUT"]);
  expect(size).toBe(content.byteLength);
  expect(told).toBe(content.byteLength);
});
