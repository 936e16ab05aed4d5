import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Endpoint } from "../../src/access/endpoint.ts";
import { endpoints } from "../../src/api/endpoints.ts";
import { routes } from "../../src/registry/routes.ts";
import { apiRequests, askedOf, isPlaced, outcomeOf } from "./api-requests.ts";
import { type Answer, type PlaneRequest, planeRequests, seen } from "./data-plane.ts";
import { publicPages, rightOf, type Verdict, verdict } from "./oracle.ts";
import {
  buildWorld,
  type Place,
  placeNames,
  places,
  principals,
  type Who,
  type World,
} from "./world.ts";

let world: World;
let cases = 0;

beforeAll(async () => {
  world = await buildWorld();
}, 120_000);

afterAll(() => world.door.remove());

/** Both sides are the same list only if every route has its rule, and every rule a route and a request. */
test("the oracle knows every route and endpoint, and each is asked for here", () => {
  const served = [
    ...routes.map(({ method, pattern }) => `${method} ${pattern}`),
    ...endpoints.map(({ method, path }) => `${method} ${path}`),
  ];
  const unruled = served.filter((request) => {
    const [method = "", path = ""] = request.split(" ");
    return rightOf(method, path) === undefined;
  });
  expect(unruled).toEqual([]);
  const asked = new Set([
    ...planeRequests.map(({ method, route }) => `${method} ${route}`),
    ...Object.keys(apiRequests),
  ]);
  expect(served.filter((request) => !asked.has(request))).toEqual([]);
});

describe("CVE-2026-27771: the data plane", () => {
  // Registry tokens end by themselves: they go first.
  for (const form of ["registry token", "credential"] as const) {
    for (const place of placeNames) {
      test(`${place}, by ${form}`, async () => {
        const wrong: string[] = [];
        for (const who of principals) wrong.push(...(await askPlane(who, place, form)));
        expect(wrong).toEqual([]);
      });
    }
  }
});

async function askPlane(
  who: Who,
  place: Place,
  form: "registry token" | "credential",
): Promise<string[]> {
  const wrong: string[] = [];
  const as = form === "credential" ? world.credentials[who] : world.tokens[who][place];
  const stale = form !== "credential" && place === "again";
  const upload = uploadIn(who, place);
  for (const request of planeRequests) {
    const right = rightOf(request.method === "HEAD" ? "GET" : request.method, request.route) ?? "";
    const wanted = verdict(who, right, { place, api: false, stale });
    const path = request.path(places[place], upload);
    const answer = await world.door.ask(path, { ...request, as });
    const copy = answer.clone();
    const got = await seen(answer, request);
    cases += 1;
    if (!fits(got, wanted, who, place))
      wrong.push(`${who}: ${request.method} ${path}: ${got}, not ${wanted}`);
    else if (mayNotSee(who, place, wanted, stale)) {
      wrong.push(...(await compareWithNothing(request, { who, place, as, upload, copy })));
    }
  }
  return wrong;
}

/** Their own upload where they may begin one, else that of somebody who may: its id opens nothing to them. */
function uploadIn(who: Who, place: Place): string {
  const { uploads } = world;
  return uploads.get(`${who} ${place}`) ?? uploads.get(`administrator ${place}`) ?? "none";
}

function mayNotSee(who: Who, place: Place, wanted: Verdict, stale: boolean): boolean {
  if (wanted === "yes" || place === "missing" || stale) return false;
  return verdict(who, "pull", { place, api: false, stale: false }) !== "yes";
}

/** A refusal for what there is must be, byte for byte, that for what there is not. */
async function compareWithNothing(
  request: PlaneRequest,
  {
    who,
    place,
    as,
    upload,
    copy,
  }: { who: Who; place: Place; as: string | null; upload: string; copy: Answer },
): Promise<string[]> {
  const name = places[place];
  const [inside, outside] = twinsOf(name);
  const right = rightOf(request.method === "HEAD" ? "GET" : request.method, request.route) ?? "";
  // Whoever may make a project may find out which there are.
  const mayMake =
    right === "push" && verdict(who, right, { place: "missing", api: false, stale: false }) !== 403;
  const wanted = await look(copy, name);
  const wrong: string[] = [];
  // Who is denied one repository of theirs finds the others open.
  const twins = [...(who === "denied" ? [] : [inside]), ...(mayMake ? [] : [outside])];
  for (const twin of twins) {
    const path = request.path(twin, upload);
    const got = await look(await world.door.ask(path, { ...request, as }), twin);
    cases += 1;
    if (got !== wanted)
      wrong.push(
        `${who}: ${request.method} ${path} tells that ${name} is there:\n${wanted}\n${got}`,
      );
  }
  return wrong;
}

/** All of an answer but the id of the request and the names that were asked for. */
async function look(answer: Answer, name: string): Promise<string> {
  const headers = [...answer.headers]
    .filter(([key]) => key !== "x-request-id")
    .map(([key, value]) => `${key}: ${value}`)
    .sort();
  const text = [answer.status, ...headers, await answer.text()].join("\n");
  const [project = ""] = name.split("/");
  return text
    .replaceAll(name, "<name>")
    .replaceAll(encodeURIComponent(name), "<name>")
    .replaceAll(new RegExp(`(project |projects/|")${project}\\b`, "g"), "$1<project>")
    .replace(/"request_id":"[^"]*"/, "");
}

describe("the management API", () => {
  for (const place of placeNames) {
    test(`what belongs to a project: ${place}`, async () => {
      const wrong: string[] = [];
      for (const endpoint of endpoints) {
        if (!isPlaced(endpoint.path)) continue;
        for (const who of principals) wrong.push(...(await askApi(endpoint, who, place)));
      }
      expect(wrong).toEqual([]);
    }, 120_000);
  }

  test("what belongs to the whole registry", async () => {
    const wrong: string[] = [];
    for (const endpoint of endpoints) {
      if (isPlaced(endpoint.path)) continue;
      for (const who of principals) wrong.push(...(await askApi(endpoint, who, null)));
    }
    expect(wrong).toEqual([]);
  }, 120_000);
});

test("the documentation is the same for everybody, takes GET alone, and says nothing of this server", async () => {
  for (const path of publicPages) {
    const wanted = await (await world.door.ask(path)).text();
    expect(wanted).toContain("<!doctype html>");
    const hosts = wanted.includes("registry.example:") || wanted.includes(world.door.folder);
    expect(hosts).toBe(false);
    for (const who of principals) {
      const answer = await world.door.ask(path, { as: world.credentials[who] });
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(await answer.text()).toBe(wanted);
      cases += 1;
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const as = world.credentials[who];
        const refused = await world.door.ask(path, { as, method, body: "{}" });
        expect(refused.status).toBeGreaterThanOrEqual(400);
        expect(refused.status).toBeLessThan(500);
        expect(await refused.text()).not.toContain("<!doctype html>");
        cases += 1;
      }
    }
  }
});

/** How many there were, so that a list that became empty does not pass for one that is right. */
test("there were at least forty thousand cases", () => {
  console.log(`${cases} cases`);
  expect(cases).toBeGreaterThan(40_000);
});

async function askApi(endpoint: Endpoint, who: Who, place: Place | null): Promise<string[]> {
  const { method } = endpoint;
  const right = rightOf(method, endpoint.path) ?? "";
  const wanted = verdict(who, right, { place, api: true, stale: false });
  const as = world.credentials[who];
  const { path, ask } = askedOf(endpoint, who, place);
  const answer = await world.door.ask(path, { ...ask, as });
  const copy = answer.clone();
  const got = await outcomeOf(answer);
  cases += 1;
  if (!fits(got, wanted, who, place)) {
    const text = (await copy.text()).slice(0, 200);
    return [`${who}: ${method} ${path}: ${got} (${answer.status} ${text}), not ${wanted}`];
  }
  if (place === null || place === "missing" || wanted !== 404) return [];
  const name = places[place];
  const found = await look(copy, name);
  const wrong: string[] = [];
  for (const twin of twinsOf(name)) {
    const asked = askedOf(endpoint, who, place, twin);
    const other = await look(await world.door.ask(asked.path, { ...asked.ask, as }), twin);
    cases += 1;
    if (other !== found) {
      wrong.push(
        `${who}: ${method} ${asked.path} tells that ${name} is there:\n${found}\n${other}`,
      );
    }
  }
  return wrong;
}

/** Who may do something everywhere may do it to what is not there, and is told that it is not. */
function fits(got: Verdict, wanted: Verdict, who: Who, place: Place | null): boolean {
  const isEverywhere = who === "administrator" || who === "robot-wide";
  return got === wanted || (got === 404 && wanted === "yes" && isEverywhere && place === "missing");
}

/** Names as long as this one, of a repository in the same project and of one in no project. */
function twinsOf(name: string): [inside: string, outside: string] {
  const [project = ""] = name.split("/");
  const rest = name.length - project.length - 1;
  return [`${project}/${"z".repeat(rest)}`, `${"z".repeat(project.length)}/${"z".repeat(rest)}`];
}
