import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describeContent, digestOf, makeImage, makeReferrer, types } from "../support/images.ts";
import { testsRunOnS3 } from "../support/test-app.ts";
import { basic, bearer, type Door, fetchToken, openDoor, secretIn } from "./door.ts";
import { addProject, addUser, admin, signIn } from "./world.ts";

const image = makeImage("content");
const other = makeImage("content, later");
const config = digestOf(image.config);
const secretReferrer = makeReferrer(describeContent(image.manifest, types.image), "secret");

let door: Door;

/** alice owns `hers`, bob owns `his`, both private; `plaza` is public and alice's. */
beforeAll(async () => {
  door = await openDoor();
  for (const name of ["alice", "bob", "carol"]) await addUser(door, name);
  await addProject(door, "hers", signIn("alice"), "private");
  await addProject(door, "his", signIn("bob"), "private");
  await addProject(door, "plaza", signIn("alice"), "public");
  const client = door.client(signIn("alice"));
  await client.pushImage("hers/app", image, "v1");
  await client.pushBlob("hers/app", "{}");
  await client.pushManifest("hers/app", digestOf(secretReferrer), secretReferrer);
  await client.pushImage("plaza/app", makeImage("plaza"), "v1");
  await door.client(signIn("bob")).pushImage("his/app", makeImage("his"), "v1");
  await door.api(signIn("alice"), "PUT", "/api/v1/projects/hers/members/carol", { role: "ci" });
});

afterAll(() => door.remove());

async function ask(as: string | null, method: string, path: string, body?: string) {
  const answer = await door.ask(path, { method, as, body });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

describe("CVE-2024-39897: a mount takes nothing that one may not pull", () => {
  const mounts = [
    ["from where one may not pull", `?mount=${config}&from=hers/app`],
    ["from nowhere", `?mount=${config}`],
    ["from a repository that is not there", `?mount=${config}&from=hers/none`],
    ["from a project that is not there", `?mount=${config}&from=none/app`],
    ["from where one may pull, which does not have it", `?mount=${config}&from=plaza/app`],
    ["from the repository itself", `?mount=${config}&from=his/app`],
    ["from two", `?mount=${config}&from=plaza/app&from=hers/app`],
    ["from an empty name", `?mount=${config}&from=`],
    ["from what is no name", `?mount=${config}&from=HERS/APP`],
    ["from a name with dots", `?mount=${config}&from=plaza/../hers/app`],
  ] as const;
  test.each(mounts)("%s", async (_name, query) => {
    for (const as of [
      signIn("bob"),
      bearer(
        await fetchToken(
          door,
          signIn("bob"),
          "repository:his/app:pull,push",
          "repository:hers/app:pull",
        ),
      ),
    ]) {
      const answer = await ask(as, "POST", `/v2/his/app/blobs/uploads/${query}`);
      expect(answer.status).toBe(202);
      expect((await ask(as, "GET", `/v2/his/app/blobs/${config}`)).status).toBe(404);
    }
  });

  test("by who may pull both, with and without a source", async () => {
    await door.client(signIn("alice")).pushImage("hers/second", other, "v1");
    const layer = digestOf(other.layers[0] ?? "");
    for (const query of [`?mount=${layer}&from=hers/second`, `?mount=${layer}`]) {
      expect(
        (await ask(signIn("alice"), "POST", `/v2/plaza/app/blobs/uploads/${query}`)).status,
      ).toBe(201);
    }
  });

  test("a token for the target alone does not pull from the source", async () => {
    const layer = digestOf(other.layers[1] ?? "");
    const uploads = "/v2/plaza/app/blobs/uploads/";
    const into = "repository:plaza/app:pull,push";
    const token = bearer(await fetchToken(door, signIn("alice"), into));
    const scope = `${into} repository:hers/second:pull`;
    for (const query of [`?mount=${layer}&from=hers/second`, `?mount=${layer}`]) {
      const answer = await ask(token, "POST", `${uploads}${query}`);
      expect(answer.status).toBe(401);
      expect((await ask(token, "GET", `/v2/plaza/app/blobs/${layer}`)).status).toBe(404);
      // Who may pull there, with what they signed in with, is told which token would do.
      expect(answer.headers.get("www-authenticate")).toContain(
        `scope="${scope}",error="insufficient_scope"`,
      );
    }
    const narrow = await fetchToken(door, await tokenForOne(), into);
    for (const query of [`?mount=${layer}&from=hers/second`, `?mount=${layer}`]) {
      expect((await ask(bearer(narrow), "POST", `${uploads}${query}`)).status).toBe(202);
    }
    const wider = bearer(await fetchToken(door, signIn("alice"), ...scope.split(" ")));
    const mounted = await ask(wider, "POST", `${uploads}?mount=${layer}&from=hers/second`);
    expect(mounted.status).toBe(201);
  });
});

/** Alice's, made for one repository: no registry token for another comes of it. */
async function tokenForOne(): Promise<string> {
  const actions = ["repository:pull", "repository:push"];
  const scopes = [{ pattern: "plaza/app", actions }];
  const made = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", { scopes });
  return basic("alice", secretIn(made));
}

describe("what has a digest is not everybody's", () => {
  test("CVE-2026-35172: a blob or manifest is found in the repository that has it, and in no other", async () => {
    // Into every cache first.
    for (let time = 0; time < 2; time++) {
      await ask(signIn("alice"), "GET", `/v2/hers/app/blobs/${config}`);
      await ask(signIn("alice"), "GET", `/v2/hers/app/manifests/${image.digest}`);
    }
    for (const as of [signIn("bob"), null]) {
      for (const name of as === null ? ["plaza/app"] : ["his/app", "plaza/app"]) {
        for (const method of ["GET", "HEAD"]) {
          expect((await ask(as, method, `/v2/${name}/blobs/${config}`)).status).toBe(404);
          expect((await ask(as, method, `/v2/${name}/manifests/${image.digest}`)).status).toBe(404);
        }
      }
    }
  });

  if (testsRunOnS3) {
    test("a link to the bytes in S3 has who may pull them", async () => {
      const sending = await openDoor({ env: { BERTH_S3_REDIRECT: "true" } });
      try {
        for (const name of ["alice", "bob"]) await addUser(sending, name);
        await addProject(sending, "hers", signIn("alice"), "private");
        await addProject(sending, "his", signIn("bob"), "private");
        const digest = await sending
          .client(signIn("alice"))
          .pushBlob("hers/app", new Uint8Array(300_000).fill(7));
        const get = async (as: string | null, repository: string) => {
          const answer = await sending.ask(`/v2/${repository}/blobs/${digest}`, { as });
          return [answer.status, answer.headers.get("location")] as const;
        };
        expect(await get(signIn("alice"), "hers/app")).toEqual([307, expect.any(String)]);
        expect(await get(signIn("bob"), "hers/app")).toEqual([404, null]);
        expect(await get(signIn("bob"), "his/app")).toEqual([404, null]);
        expect(await get(null, "hers/app")).toEqual([401, null]);
      } finally {
        await sending.remove();
      }
    });
  }

  test("deleted here, read there, it stays deleted here", async () => {
    const shared = makeImage("shared");
    const client = door.client(signIn("alice"));
    for (const name of ["hers/a", "hers/b"]) await client.pushImage(name, shared, "v1");
    const read = async (name: string) => {
      const at = [`/v2/${name}/manifests/${shared.digest}`, `/v2/${name}/manifests/v1`];
      const answers = await Promise.all(at.map((path) => ask(signIn("alice"), "GET", path)));
      return answers.map(({ status }) => status);
    };
    expect(await read("hers/a")).toEqual([200, 200]);
    expect(
      (await ask(signIn("alice"), "DELETE", `/v2/hers/a/manifests/${shared.digest}`)).status,
    ).toBe(202);
    expect(await read("hers/b")).toEqual([200, 200]);
    expect(await read("hers/a")).toEqual([404, 404]);
  });

  test("referrers of what one may not see are not listed under a repository that one may", async () => {
    // As if there were no such repository, which is no error here.
    for (const name of ["his/app", "plaza/app", "hers/app"]) {
      const answer = await ask(signIn("bob"), "GET", `/v2/${name}/referrers/${image.digest}`);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toMatchObject({ manifests: [] });
    }
    const listed = await ask(signIn("alice"), "GET", `/v2/hers/app/referrers/${image.digest}`);
    expect(JSON.parse(listed.text).manifests).toHaveLength(1);
  });

  test("a manifest does not reach for blobs of others", async () => {
    const answer = await door.ask("/v2/his/app/manifests/stolen", {
      method: "PUT",
      as: signIn("bob"),
      headers: { "content-type": types.image },
      body: image.manifest,
    });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("MANIFEST_BLOB_UNKNOWN");
  });
});

describe("lists hold what one may see", () => {
  const listed = async (as: string | null, query = "") => {
    const { text } = await ask(as, "GET", `/v2/_catalog${query}`);
    return (JSON.parse(text) as { repositories: string[] }).repositories;
  };

  test("the catalog, by credential and by token, page by page", async () => {
    const token = await fetchToken(door, signIn("bob"), "registry:catalog:*");
    for (const as of [signIn("bob"), bearer(token)]) {
      expect(await listed(as)).toEqual(["his/app", "plaza/app"]);
      expect(await listed(as, "?n=1")).toEqual(["his/app"]);
      expect(await listed(as, "?n=1&last=hers/app")).toEqual(["his/app"]);
      expect(await listed(as, "?last=hers")).toEqual(["his/app", "plaza/app"]);
    }
    expect((await ask(null, "GET", "/v2/_catalog")).status).toBe(401);
    expect(await listed(admin)).toContain("hers/app");
  });

  test("links to a further page name nothing that one may not see", async () => {
    const { headers } = await ask(signIn("bob"), "GET", "/v2/_catalog?n=1");
    expect(headers.get("link") ?? "").not.toContain("hers");
  });

  test("projects and their repositories", async () => {
    const seenBy = async (as: string, path: string) => (await ask(as, "GET", path)).text;
    const projects = await seenBy(signIn("bob"), "/api/v1/projects");
    expect(projects).toContain('"his"');
    expect(projects).toContain('"plaza"');
    for (const hidden of ["hers", "alice", "carol", "admin"])
      expect(projects).not.toContain(`"name":"${hidden}"`);
    expect((await ask(signIn("bob"), "GET", "/api/v1/projects/hers/repositories")).status).toBe(
      404,
    );
  });

  test("a repository that is tighter than its public project is not in any of them", async () => {
    await door.client(signIn("alice")).pushImage("plaza/inside", makeImage("inside"), "v1");
    await door.api(signIn("alice"), "PATCH", "/api/v1/repositories/plaza%2Finside", {
      visibility: "private",
    });
    expect(await listed(signIn("bob"))).not.toContain("plaza/inside");
    const repositories = await ask(signIn("bob"), "GET", "/api/v1/projects/plaza/repositories");
    expect(repositories.text).not.toContain("plaza/inside");
    expect((await ask(null, "GET", "/v2/plaza/inside/manifests/v1")).status).toBe(401);
    expect((await ask(signIn("bob"), "GET", "/v2/plaza/inside/manifests/v1")).status).toBe(404);
    expect((await ask(signIn("alice"), "GET", "/v2/plaza/inside/manifests/v1")).status).toBe(200);
  });
});

describe("CVE-2026-32589: an upload belongs to who began it", () => {
  const begin = async (as: string) => await door.client(as).openUpload("hers/app");

  test.each(["GET", "HEAD", "PATCH", "PUT", "DELETE"])(
    "%s by another who may push there",
    async (method) => {
      const location = await begin(signIn("alice"));
      const query = method === "PUT" ? `?digest=${digestOf("x")}` : "";
      const body = method === "PATCH" || method === "PUT" ? "x" : undefined;
      for (const as of [signIn("carol"), admin]) {
        expect((await ask(as, method, location + query, body)).status).toBe(404);
      }
      const status = await ask(signIn("alice"), "GET", location);
      expect(status.status).toBe(204);
      expect(status.headers.get("range")).toBe("0-0");
      expect((await ask(signIn("alice"), "DELETE", location)).status).toBe(204);
    },
  );

  test("nor does it open under another repository of one's own", async () => {
    const location = await begin(signIn("alice"));
    const id = location.split("/").at(-1);
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const at = `/v2/plaza/app/blobs/uploads/${id}`;
      expect(
        (await ask(signIn("alice"), method, at, method === "PATCH" ? "x" : undefined)).status,
      ).toBe(404);
    }
    expect((await ask(signIn("alice"), "GET", location)).status).toBe(204);
  });

  test("nor to another robot of the project, nor after its credential ended", async () => {
    const robots = await Promise.all(
      ["one", "two"].map(async (name) => {
        const grants = [{ pattern: "hers/**", role: "ci" }];
        const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/hers/robots", {
          name,
          grants,
        });
        return basic(`robot.hers.${name}`, secretIn(made));
      }),
    );
    const [one = "", two = ""] = robots;
    const location = await begin(one);
    expect((await ask(two, "PATCH", location, "x")).status).toBe(404);
    expect((await ask(one, "PATCH", location, "x")).status).toBe(202);
    await door.api(signIn("alice"), "DELETE", "/api/v1/projects/hers/robots/one");
    expect((await ask(one, "PATCH", location, "x")).status).toBe(401);
  });
});

describe("CVE-2026-41888, CVE-2026-3073: a protected tag neither moves nor goes, whichever way", () => {
  const repository = "hers/locked";
  const tag = `/v2/${repository}/manifests/v1`;
  const put = async (path: string, manifest = other.manifest) =>
    (
      await door.ask(path, {
        method: "PUT",
        as: signIn("alice"),
        headers: { "content-type": types.image },
        body: manifest,
      })
    ).status;
  const current = async (path = tag) =>
    (await ask(admin, "HEAD", path)).headers.get("docker-content-digest");

  const protections = [
    [
      "a lock",
      "v1",
      (method: "PUT" | "DELETE") =>
        door.api(
          signIn("alice"),
          method,
          "/api/v1/repositories/hers%2Flocked/tags/v1/lock",
          method === "PUT" ? {} : undefined,
        ),
    ],
  ] as const;

  beforeAll(async () => {
    const client = door.client(signIn("alice"));
    for (const made of [image, other]) await client.pushImage(repository, made);
    await client.pushManifest(repository, "v1", image.manifest);
    await client.pushManifest(repository, "free", image.manifest);
  });

  test.each(protections)("%s", async (_name, _tag, lock) => {
    await lock("PUT");
    for (const as of [signIn("alice"), admin]) {
      const refused = [
        ["PUT", tag],
        ["PUT", `/v2/${repository}/manifests/${other.digest}?tag=v1`],
        ["PUT", `/v2/${repository}/manifests/${other.digest}?tag=free&tag=v1`],
        ["DELETE", tag],
        ["DELETE", `/v2/${repository}/manifests/${image.digest}`],
      ] as const;
      for (const [method, path] of refused) {
        const headers = { "content-type": types.image };
        const body = method === "PUT" ? other.manifest : undefined;
        const answer = await door.ask(path, { method, as, headers, body });
        const text = await answer.text();
        expect(`${method} ${path}: ${answer.status} ${text}`).toStartWith(
          `${method} ${path}: 403 `,
        );
        // Docker shows the message: it must name the tag.
        expect(text).toContain("v1");
        expect(await current()).toBe(image.digest);
      }
      // A push of several tags is all or nothing.
      expect(await current(`/v2/${repository}/manifests/free`)).toBe(image.digest);
    }
    // What is there already is no move.
    expect(await put(tag, image.manifest)).toBe(201);
    await lock("DELETE");
    expect(await put(tag)).toBe(201);
  });

  test("a rule with patterns and what is left out, by every way, also for a tag deleted and pushed again", async () => {
    await door.api(signIn("alice"), "POST", "/api/v1/projects/hers/tag-rules", {
      pattern: repository,
      tags: ["r*", "stable"],
      except_tags: ["r*-dev"],
    });
    const at = (name: string) => `/v2/${repository}/manifests/${name}`;
    for (const name of ["r1", "stable", "r1-dev", "x1"])
      expect(await put(at(name), image.manifest)).toBe(201);
    for (const name of ["r1", "stable"]) {
      expect(await put(at(name))).toBe(403);
      expect(await put(`${at(other.digest)}?tag=${name}`)).toBe(403);
      expect((await ask(admin, "DELETE", at(name))).status).toBe(403);
      expect((await ask(admin, "DELETE", at(image.digest))).status).toBe(403);
      expect(await put(at(name))).toBe(403);
      expect(await current(at(name))).toBe(image.digest);
    }
    for (const name of ["r1-dev", "x1"]) {
      expect(await put(at(name))).toBe(201);
      expect((await ask(admin, "DELETE", at(name))).status).toBe(202);
    }
  });

  test("sixteen pushes at once to a tag that a rule keeps: one wins, and it stays", async () => {
    const images = Array.from({ length: 16 }, (_, at) => makeImage(`race ${at}`));
    const client = door.client(signIn("alice"));
    for (const made of images) await client.pushImage(repository, made);
    const statuses = await Promise.all(
      images.map((made) => put(`/v2/${repository}/manifests/r-race`, made.manifest)),
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 403)).toHaveLength(15);
    expect(await current(`/v2/${repository}/manifests/r-race`)).toBe(
      images[statuses.indexOf(201)]?.digest ?? "",
    );
  });

  test("CVE-2026-31801: latest is a tag like any other", async () => {
    const as = signIn("alice");
    const latest = "/v2/hers/kept/manifests/latest";
    for (const made of [image, other]) await door.client(as).pushImage("hers/kept", made);
    const rule = { pattern: "hers/kept", tags: ["*"] };
    await door.api(as, "POST", "/api/v1/projects/hers/tag-rules", rule);
    expect(await put(latest, image.manifest)).toBe(201);
    for (const headers of [{}, { "if-none-match": "*" }, { "if-match": `"${image.digest}"` }]) {
      const type = { "content-type": types.image };
      const body = other.manifest;
      const answer = await door.ask(latest, {
        method: "PUT",
        as,
        headers: { ...type, ...headers },
        body,
      });
      expect([403, 412]).toContain(answer.status);
    }
    expect(await current(latest)).toBe(image.digest);
    const body = {
      name: "ci-only",
      grants: [{ pattern: "hers/app", role: "ci", tag_pattern: "ci-*" }],
    };
    const made = await door.api(as, "POST", "/api/v1/projects/hers/robots", body);
    const robot = basic("robot.hers.ci-only", secretIn(made));
    const pushed = await door.ask("/v2/hers/app/manifests/latest", {
      ...{ method: "PUT", as: robot, body: image.manifest },
      headers: { "content-type": types.image },
    });
    expect(pushed.status).toBe(403);
  });

  test("a grant on tags lets only those be pushed, `?tag=` included", async () => {
    const body = {
      name: "tagger",
      grants: [{ pattern: "hers/app", role: "ci", tag_pattern: "ci-*" }],
    };
    const made = await door.api(signIn("alice"), "POST", "/api/v1/projects/hers/robots", body);
    const robot = basic("robot.hers.tagger", secretIn(made));
    const status = async (path: string) =>
      (
        await door.ask(path, {
          method: "PUT",
          as: robot,
          headers: { "content-type": types.image },
          body: image.manifest,
        })
      ).status;
    expect(await status("/v2/hers/app/manifests/ci-1")).toBe(201);
    for (const path of [
      "/v2/hers/app/manifests/v1",
      `/v2/hers/app/manifests/${image.digest}?tag=v1`,
      `/v2/hers/app/manifests/${image.digest}?tag=ci-2&tag=v2`,
    ]) {
      expect(`${path} ${await status(path)}`).toBe(`${path} 403`);
    }
    expect((await ask(admin, "GET", "/v2/hers/app/manifests/ci-2")).status).toBe(404);
  });
});

test("CVE-2026-61833: to push is not to delete, whichever credential", async () => {
  const token = await fetchToken(door, signIn("carol"), "repository:hers/app:pull,push,delete");
  for (const as of [signIn("carol"), bearer(token)]) {
    for (const path of [
      "/v2/hers/app/manifests/v1",
      `/v2/hers/app/manifests/${image.digest}`,
      `/v2/hers/app/blobs/${config}`,
    ]) {
      expect((await ask(as, "DELETE", path)).status).toBe(403);
    }
  }
  expect((await ask(signIn("carol"), "GET", "/v2/hers/app/manifests/v1")).status).toBe(200);
});

test("GHSA-wrw5-gmvj-gf23: no user agent and no header opens what is closed", async () => {
  const headers = [
    "cosign/2.0",
    "docker/27",
    "containerd/2",
    "kube-probe/1.30",
    "Berth",
    "localhost",
    "go-http-client/1.1",
  ].flatMap((agent) => [{ "user-agent": agent }]);
  const tricks: Record<string, string>[] = [
    ...headers,
    { "x-original-url": "/v2/plaza/app/manifests/v1" },
    { "x-rewrite-url": "/v2/plaza/app/manifests/v1" },
    { "x-http-method-override": "HEAD" },
    { "x-forwarded-user": "admin" },
    { "x-remote-user": "admin" },
    { "x-forwarded-for": "127.0.0.1" },
    { "x-forwarded-host": "localhost" },
    { forwarded: "for=127.0.0.1;host=localhost" },
    { "x-berth-principal": "admin" },
    { cookie: "berth=admin" },
  ];
  for (const more of tricks) {
    const answer = await door.ask("/v2/hers/app/manifests/v1", { headers: more });
    expect(`${JSON.stringify(more)} ${answer.status}`).toBe(`${JSON.stringify(more)} 401`);
  }
});
