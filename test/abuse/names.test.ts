import { reservedProjectNames } from "../../src/oci/repository-name.ts";
import { digestOf, types } from "../support/images.ts";
import { type AbuseCase, absentDigest, image, looseDigest, repository, runAbuse } from "./abuse.ts";

// Refused for its name alone: nothing that it would refer to is missing.
const body = '{"schemaVersion":2,"manifests":[]}';
const headers = { "content-type": types.index };

function push(name: string, target: string): Omit<AbuseCase, "status"> {
  return { name, method: "PUT", target, headers, body };
}

const shown = (text: string) =>
  text.length > 40 ? `${text.slice(0, 20)}... (${text.length})` : text;

/** What each broken name is called in the refusal. */
const badNames: readonly [string, string][] = [
  ["Box/app", "lowercase"],
  ["box/App", "lowercase"],
  ["BOX", "lowercase"],
  ["-box", "component"],
  ["box-", "component"],
  [".box", "component"],
  ["box.", "component"],
  ["_box", "component"],
  ["box_", "component"],
  ["box/-app", "component"],
  ["box/app-", "component"],
  ["box/_uploads", "component"],
  ["box/.hidden", "component"],
  ["box..app", "component"],
  ["box___app", "component"],
  ["box._app", "component"],
  ["box.-app", "component"],
  ["box-_app", "component"],
  ["box_.app", "component"],
  ["box.__app", "component"],
  ["...", "component"],
  ["-", "component"],
  ["_", "component"],
  ["__", "component"],
  ["box/...", "component"],
  ["box/__", "component"],
  ["box@app", "may hold only"],
  ["box:app", "may hold only"],
  ["box~app", "may hold only"],
  ["box+app", "may hold only"],
  ["box=app", "may hold only"],
  ["box!", "may hold only"],
  ["box$app", "may hold only"],
  ["box&app", "may hold only"],
  ["(box)", "may hold only"],
  ["box*", "may hold only"],
  ["box,app", "may hold only"],
  ["sha256:box", "may hold only"],
  ["a".repeat(256), "255"],
  ["a/".repeat(127).concat("ab"), "255"],
  [`${"a".repeat(300)}/b`, "255"],
  ["a/".repeat(500).concat("b"), "255"],
  ["a".repeat(4_000), "255"],
];

runAbuse("names of repositories that break the rule", [
  ...badNames.map(
    ([name, rule]): AbuseCase => ({
      ...push(shown(name), `/v2/${name}/manifests/v1`),
      status: 400,
      code: "NAME_INVALID",
      names: [name.slice(0, 200), rule],
    }),
  ),
  ...["GET", "HEAD", "DELETE"].map(
    (method): AbuseCase => ({
      name: `${method} of a manifest`,
      method,
      target: "/v2/Box/manifests/v1",
      status: 400,
      code: "NAME_INVALID",
      names: "Box",
    }),
  ),
  ...[
    ["GET", "/v2/Box/tags/list"],
    ["GET", `/v2/Box/referrers/${absentDigest}`],
    ["GET", `/v2/Box/blobs/${absentDigest}`],
    ["DELETE", `/v2/Box/blobs/${absentDigest}`],
    ["POST", "/v2/Box/blobs/uploads/"],
    ["POST", `/v2/Box/blobs/uploads/?mount=${looseDigest}&from=${repository}`],
    ["PATCH", "/v2/Box/blobs/uploads/x"],
    ["PUT", `/v2/Box/blobs/uploads/x?digest=${absentDigest}`],
  ].map(
    ([method = "", target = ""]): AbuseCase => ({
      name: `${method} ${target}`,
      method,
      target,
      status: 400,
      code: "NAME_INVALID",
      names: "Box",
    }),
  ),
  // A mount that cannot be is an upload, and mounts nothing: not even what the path would lead to.
  ...["Box", `Box%2f..%2f${repository}`].map(
    (from): AbuseCase => ({
      name: `a mount from ${from}`,
      method: "POST",
      target: `/v2/other/blobs/uploads/?mount=${looseDigest}&from=${from}`,
      status: 202,
      answerHeaders: { range: "0-0" },
      accepted: true,
    }),
  ),
]);

const longest = `${"a/".repeat(126)}abc`;

runAbuse("names at the very limit, and words of the API as names", [
  ...[
    longest,
    "a".repeat(255),
    "a",
    "0",
    "manifests",
    "blobs/uploads",
    "tags/list",
    "referrers",
    "a/manifests/b",
    "a/blobs/sha256",
    "a/tags/list/manifests/x/blobs/uploads",
    "uploads/uploads",
    "box---------app",
    "a__b/c--d.e_f",
  ].map(
    (name): AbuseCase => ({
      ...push(shown(name), `/v2/${name}/manifests/v1`),
      status: 201,
      accepted: true,
      answerHeaders: { location: `/v2/${name}/manifests/v1` },
    }),
  ),
  {
    name: "the catalog has them all",
    target: "/v2/_catalog",
    status: 200,
    answerBody: JSON.stringify({
      repositories: [
        "0",
        "a",
        "a/blobs/sha256",
        longest,
        "a/manifests/b",
        "a/tags/list/manifests/x/blobs/uploads",
        "a__b/c--d.e_f",
        "a".repeat(255),
        "blobs/uploads",
        "box---------app",
        repository,
        "manifests",
        "referrers",
        "tags/list",
        "uploads/uploads",
      ].sort(),
    }),
  },
]);

runAbuse("names that are kept for the registry", [
  ...[...reservedProjectNames].flatMap((project): AbuseCase[] => [
    {
      ...push(`${project}: a manifest`, `/v2/${project}/manifests/v1`),
      status: 400,
      code: "NAME_INVALID",
      names: [project, "kept"],
    },
    {
      name: `${project}: an upload, further down`,
      method: "POST",
      target: `/v2/${project}/deep/down/blobs/uploads/`,
      status: 400,
      code: "NAME_INVALID",
      // What follows there is taken for a time of the past.
      names: [`${project}/deep/down`, project === "asof" ? "a time is written as" : "kept"],
    },
    {
      name: `${project}: a mount`,
      method: "POST",
      target: `/v2/${project}/x/blobs/uploads/?mount=${looseDigest}&from=${repository}`,
      status: 400,
      code: "NAME_INVALID",
      names: `${project}/x`,
    },
  ]),
  {
    name: "a pull of the past that names no time",
    target: "/v2/asof/x/manifests/v1",
    status: 400,
    code: "NAME_INVALID",
    names: "asof/x",
  },
]);

const badTags: readonly [string, string][] = [
  ["-v1", "begin"],
  [".v1", "begin"],
  [".hidden", "begin"],
  ["...", "begin"],
  ["v1+build", "hold only"],
  ["v1~1", "hold only"],
  ["v1@x", "hold only"],
  ["v1=x", "hold only"],
  ["v1!", "hold only"],
  ["v1*", "hold only"],
  ["(v1)", "hold only"],
  ["v1,v2", "hold only"],
  ["a".repeat(129), "129"],
  ["a".repeat(1_000), "128"],
];

runAbuse("tags that break the rule", [
  ...badTags.flatMap(([tag, rule]): AbuseCase[] => [
    {
      ...push(`PUT ${shown(tag)}`, `/v2/${repository}/manifests/${tag}`),
      status: 400,
      code: "MANIFEST_INVALID",
      names: [tag.slice(0, 200), rule],
    },
    {
      name: `GET ${shown(tag)}`,
      target: `/v2/${repository}/manifests/${tag}`,
      status: 404,
      code: "MANIFEST_UNKNOWN",
      names: tag.slice(0, 200),
    },
  ]),
  {
    name: "DELETE -v1",
    method: "DELETE",
    target: `/v2/${repository}/manifests/-v1`,
    status: 400,
    code: "MANIFEST_INVALID",
    names: "-v1",
  },
  {
    ...push("no tag at all", `/v2/${repository}/manifests/`),
    status: 400,
    code: "MANIFEST_INVALID",
    names: "empty",
  },
  {
    ...push("a tag of two components", `/v2/${repository}/manifests/a/b`),
    status: 404,
    code: "UNSUPPORTED",
    names: `/v2/${repository}/manifests/a/b`,
  },
  ...["a".repeat(128), "_", "0", "A", "_.-", "v1..2", "V1"].map(
    (tag): AbuseCase => ({
      ...push(`at the limit: ${shown(tag)}`, `/v2/${repository}/manifests/${tag}`),
      status: 201,
      accepted: true,
    }),
  ),
]);

const badDigests: readonly string[] = [
  "sha256:",
  "sha256",
  ":",
  `:${"a".repeat(64)}`,
  `sha256:${"a".repeat(63)}`,
  `sha256:${"a".repeat(65)}`,
  `sha256:${"A".repeat(64)}`,
  `SHA256:${"a".repeat(64)}`,
  `sha256:${"g".repeat(64)}`,
  `sha256:${"a".repeat(62)}..`,
  `sha512:${"a".repeat(64)}`,
  `sha256:${"a".repeat(128)}`,
  `sha1:${"a".repeat(40)}`,
  `md5:${"a".repeat(32)}`,
  `sha256+b64:${"a".repeat(64)}`,
  `${looseDigest}:x`,
  `sha256::${"a".repeat(64)}`,
];

runAbuse("digests in paths that are none", [
  ...badDigests.flatMap((digest): AbuseCase[] => {
    const refused = { status: 400, code: "DIGEST_INVALID", names: digest } as const;
    return [
      {
        name: `GET blob ${shown(digest)}`,
        target: `/v2/${repository}/blobs/${digest}`,
        ...refused,
      },
      {
        name: `GET referrers of ${shown(digest)}`,
        target: `/v2/${repository}/referrers/${digest}`,
        ...refused,
      },
    ];
  }),
  ...["HEAD", "DELETE"].flatMap((method): AbuseCase[] =>
    ["sha256:", `sha1:${"a".repeat(40)}`].map((digest) => ({
      name: `${method} blob ${shown(digest)}`,
      method,
      target: `/v2/${repository}/blobs/${digest}`,
      status: 400,
      code: "DIGEST_INVALID",
      names: digest,
    })),
  ),
  ...["GET", "HEAD", "DELETE"].map(
    (method): AbuseCase => ({
      name: `${method} manifest sha256:short`,
      method,
      target: `/v2/${repository}/manifests/sha256:short`,
      status: 400,
      code: "DIGEST_INVALID",
      names: "sha256:short",
    }),
  ),
  {
    name: "sha512 of what is stored by sha256",
    target: `/v2/${repository}/blobs/${digestOf(image.config, "sha512")}`,
    status: 404,
    code: "BLOB_UNKNOWN",
    names: digestOf(image.config, "sha512"),
  },
]);
