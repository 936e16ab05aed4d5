import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type AccessWorld,
  home,
  type Known,
  openAccessWorld,
} from "../../test/support/access-world.ts";
import { actorName, type Principal } from "../auth/principal.ts";
import type { TokenAccess } from "../auth/registry-token.ts";
import { shortId } from "../auth/short-id.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { askedScopesMax, parseScopes } from "./token-scopes.ts";
import { createTokenService, type TokenAnswer, type TokenService } from "./token-service.ts";

const service = "registry.example:8443";

let world: AccessWorld;
let tokens: TokenService;
let ada: Known;
let adaRow: Awaited<ReturnType<AccessWorld["add"]>>;
let redeemed: boolean[];
let admitted: string[];
let isFull: boolean;
let spent: number;

beforeEach(async () => {
  world = await openAccessWorld();
  adaRow = await world.add({ name: "ada" });
  ada = { ...(await principalOf(adaRow.id)) };
  await world.addProject("team");
  await world.addRepository("team/app");
  await world.addRepository("team/lib");
  await world.addProject("open", { visibility: "public" });
  await world.addRepository("open/app");
  redeemed = [];
  admitted = [];
  isFull = false;
  spent = 0;
  tokens = createTokenService({
    db: world.db,
    access: world.access,
    identify: world.authenticator.identify,
    async admit(principal) {
      if (isFull) throw new RegistryError("TOOMANYREQUESTS");
      admitted.push(principal.kind === "user" ? principal.name : principal.kind);
    },
    issue: world.tokens.issue,
    refresh: {
      begin: async (principal) => `refresh of ${principal.name}`,
      async redeem(token, { rotate }) {
        if (token !== "refresh of ada") throw new RegistryError("UNAUTHORIZED");
        redeemed.push(rotate);
        return { principal: ada, next: rotate ? "the next one" : null };
      },
    },
    exchange: async () => ({
      principal: ada,
      async spend() {
        spent += 1;
      },
    }),
    service: () => service,
  });
});
afterEach(() => world.close());

async function principalOf(id: string): Promise<Known> {
  return {
    kind: "user",
    id,
    name: "ada",
    generation: 1,
    administrator: false,
    credentialId: null,
    credentialKind: "password",
    scope: null,
  };
}

/** A personal access token as the header brings it. */
async function pat(
  scopes: { pattern: string; actions: string[] }[] | null = null,
): Promise<string> {
  const { text } = await world.give(adaRow, "token", { scopes });
  return `Basic ${Buffer.from(`ada:${text}`).toString("base64")}`;
}

function get(
  authorization: string | null,
  ...parameters: [string, string][]
): Promise<TokenAnswer> {
  return tokens.get(new URLSearchParams(parameters).toString(), authorization, home);
}

const scope = (text: string): [string, string] => ["scope", text];

function accessOf({ token }: TokenAnswer): TokenAccess[] {
  const [, payload = ""] = token.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()).access;
}

/** `team/app: pull,push` for each. */
function givenIn(answer: TokenAnswer): string[] {
  return accessOf(answer).map(({ name, actions }) => `${name}: ${actions.join(",")}`);
}

describe("a GET", () => {
  test("tells the log who asks, and nobody where nobody does", async () => {
    const known: string[] = [];
    const tell = (principal: Principal) => known.push(actorName(principal));
    await tokens.get("", await pat(), () => "192.0.2.1", tell);
    await tokens.get("", null, () => "192.0.2.1", tell);
    expect(known).toEqual(["ada", "(anonymous)"]);
  });

  test("gives what was asked, as far as rights go", async () => {
    await world.member("team", ada, "ci");
    const answer = await get(
      await pat(),
      ["service", service],
      ["account", "ada"],
      ["client_id", "docker"],
      scope("repository:team/app:pull,push,delete repository(plugin):team/lib:*"),
      scope("repository:open/app:pull,push"),
      scope("repository:closed/app:pull"),
      scope("registry:catalog:*"),
    );
    expect(givenIn(answer)).toEqual([
      "team/app: pull,push",
      "team/lib: pull,push",
      "open/app: pull",
      "catalog: *",
    ]);
    expect(answer.scope).toBe(
      "repository:team/app:pull,push repository:team/lib:pull,push repository:open/app:pull registry:catalog:*",
    );
    expect(answer.access_token).toBe(answer.token);
    expect(answer).toMatchObject({ token_type: "Bearer", expires_in: 300 });
    expect(new Date(answer.issued_at).toISOString()).toBe(answer.issued_at);
    expect(answer.refresh_token).toBeUndefined();
    const [first] = accessOf(answer);
    const app = await world.db.reads
      .selectFrom("repositories")
      .select(["id", "project_id"])
      .where("name", "=", "team/app" as RepositoryName)
      .executeTakeFirst();
    expect(first).toMatchObject({
      pid: shortId(app?.project_id ?? ""),
      rid: shortId(app?.id ?? ""),
    });
  });

  test("of nobody gives what is public", async () => {
    const answer = await get(
      null,
      scope("repository:open/app:pull,push"),
      scope("repository:team/app:pull"),
      scope("registry:catalog:*"),
      ["offline_token", "true"],
    );
    expect(givenIn(answer)).toEqual(["open/app: pull"]);
    expect(answer.refresh_token).toBeUndefined();
  });

  test("without a scope proves who one is, and nothing more", async () => {
    expect(givenIn(await get(await pat()))).toEqual([]);
  });

  test("never widens a narrowed token", async () => {
    await world.member("team", ada, "owner");
    const narrow = [{ pattern: "team/app", actions: ["repository:pull"] }];
    const everything = [
      scope("repository:team/app:*"),
      scope("repository:team/lib:*"),
      scope("repository:new/app:*"),
      scope("registry:catalog:*"),
    ];
    expect(givenIn(await get(await pat(narrow), ...everything))).toEqual([
      "team/app: pull",
      "catalog: *",
    ]);
    const pulls = [
      { pattern: "**", actions: ["repository:pull"] },
      { pattern: "*", actions: ["registry:list"] },
    ];
    expect(givenIn(await get(await pat(pulls), ...everything))).toEqual([
      "team/app: pull",
      "team/lib: pull",
      "catalog: *",
    ]);
  });

  test("for a project that is not there is for who may make it", async () => {
    const asked = scope("repository:new/app:pull,push");
    const answer = await get(await pat(), asked);
    expect(accessOf(answer)).toEqual([
      { type: "repository", name: "new/app", actions: ["pull", "push"], pid: null, rid: null },
    ]);
    expect(givenIn(await get(await pat(), scope("repository:new/app:pull")))).toEqual([]);
    expect(givenIn(await get(null, asked))).toEqual([]);
  });

  test("is refused for another service, for what comes twice, for a registry token", async () => {
    const wrong = get(null, ["service", "other.example"]);
    await expect(wrong).rejects.toThrow(
      "token service of registry.example:8443, not of other.example",
    );
    await expect(get(null, ["service", service], ["service", service])).rejects.toThrow("twice");
    const { token } = await get(await pat());
    const again = get(`Bearer ${token}`, scope("repository:open/app:pull"));
    await expect(again).rejects.toThrow("not exchanged");
    await expect(get("Basic YWRhOndyb25n")).rejects.toMatchObject({ status: 401 });
  });

  test("with offline_token gives a refresh token", async () => {
    const answer = await get(await pat(), ["offline_token", "true"]);
    expect(answer.refresh_token).toBe("refresh of ada");
  });
});

describe("a POST", () => {
  const post = (fields: Record<string, string>) =>
    tokens.post(new URLSearchParams(fields).toString(), home);

  test("with a password grant gives a token, and a refresh token where one is asked for", async () => {
    const { text } = await world.give(adaRow, "token");
    const fields = { grant_type: "password", username: "ada", password: text, service };
    const answer = await post({ ...fields, scope: "repository:open/app:pull registry:catalog:*" });
    expect(givenIn(answer)).toEqual(["open/app: pull", "catalog: *"]);
    expect(answer.refresh_token).toBeUndefined();
    const offline = await post({ ...fields, access_type: "offline" });
    expect(offline.refresh_token).toBe("refresh of ada");
  });

  test("counts for who it is, and uses no refresh token up for who asks too often", async () => {
    const { text } = await world.give(adaRow, "token");
    await post({ grant_type: "password", username: "ada", password: text });
    const refresh = { grant_type: "refresh_token", refresh_token: "refresh of ada" };
    await post({ ...refresh, access_type: "offline" });
    await get(await pat());
    await get(null);
    expect(admitted).toEqual(["ada", "ada", "ada", "anonymous"]);
    isFull = true;
    redeemed = [];
    await expect(post({ ...refresh, access_type: "offline" })).rejects.toMatchObject({
      status: 429,
    });
    expect(redeemed).toEqual([false]);
    await expect(get(await pat())).rejects.toMatchObject({ status: 429 });
  });

  test("uses no identity token up for who asks too often", async () => {
    const exchange = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      subject_token: "an identity token",
    };
    isFull = true;
    await expect(post(exchange)).rejects.toMatchObject({ status: 429 });
    expect(spent).toBe(0);
    isFull = false;
    await post(exchange);
    expect(spent).toBe(1);
  });

  test("with a refresh token uses it up only where another is asked for", async () => {
    const fields = { grant_type: "refresh_token", refresh_token: "refresh of ada", service };
    const kept = await post({ ...fields, scope: "repository:open/app:pull" });
    expect(kept.refresh_token).toBeUndefined();
    expect(givenIn(kept)).toEqual(["open/app: pull"]);
    expect((await post({ ...fields, access_type: "offline" })).refresh_token).toBe("the next one");
    expect(redeemed).toEqual([false, false, true]);
    await expect(post({ ...fields, refresh_token: "another" })).rejects.toMatchObject({
      status: 401,
    });
  });

  test.each([
    [{}, "grant_type must be"],
    [{ grant_type: "client_credentials" }, "grant_type must be"],
    [{ grant_type: "password", username: "ada" }, "password is missing"],
    [{ grant_type: "password", password: "x" }, "username is missing"],
    [{ grant_type: "refresh_token" }, "refresh_token is missing"],
    [{ grant_type: "password", username: "a:b", password: "x" }, "authentication required"],
    [{ grant_type: "password", username: "ada", password: "x", service: "x" }, "token service of"],
  ])("of %p is refused", async (fields, message) => {
    await expect(post(fields as Record<string, string>)).rejects.toThrow(message);
  });
});

describe("scopes", () => {
  const read = (...texts: string[]) => {
    const { repositories, catalog } = parseScopes(texts, "localhost:5000");
    const named = [...repositories].map(([name, verbs]) => `${name}: ${[...verbs].join(",")}`);
    return catalog ? [...named, "catalog"] : named;
  };

  test.each([
    ["repository:team/app:pull", ["team/app: pull"]],
    ["repository:team/app:push,pull,pull", ["team/app: pull,push"]],
    ["repository:team/app:*", ["team/app: pull,push,delete"]],
    ["repository:localhost:5000/team/app:pull", ["team/app: pull"]],
    ["repository:elsewhere:5000/team/app:pull", []],
    ["repository(image):team/app:pull", ["team/app: pull"]],
    ["repository():team/app:pull", ["team/app: pull"]],
    ["registry:catalog:*", ["catalog"]],
    ["registry:catalog:search", ["catalog"]],
    ["registry:catalog:list", []],
    ["registry:other:*", []],
    ["repository:team/app:", []],
    ["repository:team/app:fly", []],
    ["repository:team/app", []],
    ["repository", []],
    ["repository::pull", []],
    ["repository:Team/App:pull", []],
    ["repository:../app:pull", []],
    ["repository:**:pull", []],
    ["artifact:team/app:pull", []],
    ["  ", []],
    ["repository:team/app:pull  repository:team/app:push", ["team/app: pull,push"]],
  ])("%p", (text, wanted) => {
    expect(read(text)).toEqual(wanted);
  });

  test("are so many, and so long, at most", () => {
    const one = "repository:a:pull";
    expect(read(...Array(askedScopesMax).fill(one))).toEqual(["a: pull"]);
    expect(() =>
      read(
        Array(askedScopesMax + 1)
          .fill(one)
          .join(" "),
      ),
    ).toThrow("100 scopes");
    expect(() => read("x".repeat(8_193))).toThrow("8192 characters");
  });
});
