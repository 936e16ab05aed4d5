import fc from "fast-check";
import { endpoints } from "../../src/api/endpoints.ts";
import { pathParams } from "../../src/api/match.ts";
import { digestOf } from "../support/images.ts";
import { nearly, nearlyOneOf, oddText } from "./values.ts";
import { image, largeDescriptor, repository } from "./world.ts";

/** A target, and how it is asked for. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly as: "admin" | "robot" | "nobody";
}

const absentDigest = digestOf("nobody has this");
const names = nearlyOneOf(
  repository,
  "team/none",
  "other/app",
  "a/manifests/b",
  "asof/20260501t100000z/team/app",
);
const references = nearlyOneOf(
  "v1",
  "multi",
  "none",
  image.digest,
  absentDigest,
  digestOf("x", "sha512"),
);
const digests = nearlyOneOf(image.digest, largeDescriptor.digest, absentDigest);
const uploads = nearlyOneOf("01890000-0000-7000-8000-000000000000", "uploads", "x");

const inJson = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    true,
    0,
    1,
    30,
    [],
    ["repository:pull"],
    [{ pattern: "team/**", role: "reader" }],
    {},
  ),
);

/** A path, the method that it is for, and a body that belongs there. */
interface Place {
  readonly path: string;
  readonly own: string;
  readonly body: string | null;
}

const dataPlane: fc.Arbitrary<Place> = fc.oneof(
  at("GET", fc.constantFrom("/v2/", "/v2", "/v2/_catalog")),
  at(
    "GET",
    fc.tuple(names, references).map(([name, reference]) => `/v2/${name}/manifests/${reference}`),
  ),
  at(
    "PUT",
    fc.tuple(names, references).map(([name, reference]) => `/v2/${name}/manifests/${reference}`),
    image.manifest,
  ),
  at(
    "GET",
    fc.tuple(names, digests).map(([name, digest]) => `/v2/${name}/blobs/${digest}`),
  ),
  at(
    "PATCH",
    fc.tuple(names, uploads).map(([name, upload]) => `/v2/${name}/blobs/uploads/${upload}`),
    "01234",
  ),
  at(
    "GET",
    fc.tuple(names, digests).map(([name, digest]) => `/v2/${name}/referrers/${digest}`),
  ),
  at(
    "GET",
    names.map((name) => `/v2/${name}/tags/list`),
  ),
  at(
    "POST",
    names.map((name) => `/v2/${name}/blobs/uploads/`),
    "01234",
  ),
);

function at(
  own: string,
  paths: fc.Arbitrary<string>,
  content: string | null = null,
): fc.Arbitrary<Place> {
  return paths.map((path) => ({ path, own, body: content }));
}

/** Of what the management API calls by these names, something that there is. */
const known: Readonly<Record<string, string>> = {
  project: "team",
  repository: "team/app",
  tag: "v1",
  user: "admin",
  robot: "fuzz",
  member: "admin",
  role: "reader",
  visibility: "private",
  digest: image.digest,
};
/** Values for what stands in its paths and bodies. */
const parameter = nearly(
  fc.constantFrom(...Object.values(known), "1", "01890000-0000-7000-8000-000000000000"),
);
/** What these do reaches further than a fuzzed input should: other programs, other folders, hours. */
const reachesOut = /^\/api\/v1\/(backups?|move|verify|gc|keys|rotate)/;
const reached = endpoints.filter(({ path }) => !reachesOut.test(path));

const management: fc.Arbitrary<Place> = fc.constantFrom(...reached).chain((endpoint) => {
  const inPath = pathParams(endpoint.path);
  const { shape = {} } = endpoint.input as { shape?: object };
  const inBody = Object.keys(shape).filter((key) => !inPath.includes(key));
  const valueFor = (name: string) =>
    fc.oneof(
      { arbitrary: fc.constant(known[name] ?? "1"), weight: 3 },
      { arbitrary: parameter, weight: 1 },
    );
  const fields = fc.record(
    Object.fromEntries(inBody.map((key) => [key, fc.oneof(valueFor(key), parameter, inJson)])),
    { requiredKeys: [] },
  );
  return fc.tuple(fc.tuple(...inPath.map(valueFor)), fields).map(([values, given]) => ({
    path: endpoint.path.replace(/\{(\w+)\}/g, (_whole, name: string) =>
      encodeURIComponent((values[inPath.indexOf(name)] ?? "").toWellFormed()),
    ),
    own: endpoint.method,
    body: endpoint.method === "GET" || endpoint.method === "DELETE" ? null : JSON.stringify(given),
  }));
});

const others = fc.constantFrom(
  ...[
    "/",
    "/token",
    "/livez",
    "/readyz",
    "/startupz",
    "/metrics",
    "/setup",
    "/signin",
    "/signout",
    "/signup",
  ],
  ...[
    "/tokens",
    "/tokens/revoke",
    "/password",
    "/assets/berth.css",
    "/docs",
    "/api/docs",
    "/.well-known/jwks.json",
    "/api/v1",
  ],
  ...["/api/v1/openapi.json", "/favicon.ico", "//", "/v2//", "/V2/", "/%76%32/"],
);

const pair = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      "n",
      "last",
      "artifactType",
      "digest",
      "mount",
      "from",
      "tag",
      "digest-algorithm",
      "limit",
      "after",
    ),
    fc.constantFrom(
      "scope",
      "service",
      "account",
      "offline_token",
      "client_id",
      "state",
      "at",
      "name",
      "q",
      "token",
    ),
    fc.constantFrom(
      "since",
      "until",
      "actor",
      "action",
      "repository",
      "project",
      "subject",
      "to",
      "days",
      "dry_run",
    ),
    oddText,
  ),
  nearlyOneOf(
    ...[
      "0",
      "1",
      "10000",
      "v1",
      repository,
      image.digest,
      "sha256",
      "sha512",
      "text/plain",
      "2026-05-01T10:00:00Z",
    ],
    ...[`repository:${repository}:pull,push`, "registry.example", "true", "reader"],
  ),
);
const query = fc.oneof(
  { arbitrary: fc.constant(""), weight: 3 },
  {
    arbitrary: fc
      .tuple(fc.array(pair, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([pairs, encoded]) =>
        encoded
          ? `?${new URLSearchParams(pairs.map(([key, value]): [string, string] => [key.toWellFormed(), value.toWellFormed()]))}`
          : `?${pairs.map(([key, value]) => `${key}=${value}`).join("&")}`,
      ),
    weight: 2,
  },
);

const otherBody = fc.oneof(
  fc.constant(null),
  fc.json({ maxDepth: 3 }),
  nearlyOneOf('{"name":"x"}', "grant_type=password&username=a&password=b&service=s"),
);
const otherMethod = fc.constantFrom("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS");

/**
 * What may be taken apart by it is not asked for as the administrator: their own account, and deletions. Of
 * methods there are those of HTTP, also where a path has none of it.
 */
export const routes: fc.Arbitrary<Route> = fc
  .record({
    place: fc.oneof(
      { arbitrary: dataPlane, weight: 5 },
      { arbitrary: management, weight: 5 },
      { arbitrary: at("GET", nearly(others)), weight: 1 },
      { arbitrary: at("POST", others, "name=admin&password=x"), weight: 1 },
    ),
    query,
    other: fc.oneof(
      { arbitrary: fc.constant(null), weight: 4 },
      { arbitrary: otherMethod, weight: 1 },
    ),
    otherBody: fc.oneof(
      { arbitrary: fc.constant(undefined), weight: 6 },
      { arbitrary: otherBody, weight: 1 },
    ),
    as: fc.constantFrom("admin", "admin", "robot", "nobody"),
  })
  .map(({ place, query: asked, other, otherBody: otherContent, as }) => {
    const method = other ?? place.own;
    return {
      method,
      path: asTarget(place.path + asked),
      body: otherContent === undefined ? place.body : otherContent,
      as: as === "admin" && takesApart(method, place.path) ? "robot" : as,
    } as const;
  });

function takesApart(method: string, path: string): boolean {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return false;
  if (method === "DELETE" || path.endsWith("/removals")) return true;
  return !/^\/(v2|api\/v1\/(projects|repositories|groups|roles|robots))\b/.test(path);
}

/** What can stand in a request line at all: bytes beyond are sent as they are by the tests of sockets. */
function asTarget(text: string): string {
  const target = [...text.toWellFormed()]
    .map((character) =>
      /^[ \p{Cc}]$/u.test(character) ? encodeURIComponent(character) : character,
    )
    .join("");
  return target.startsWith("/") ? target : `/${target}`;
}
