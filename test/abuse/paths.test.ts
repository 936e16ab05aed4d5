import { type AbuseCase, absentDigest, image, repository, runAbuse } from "./abuse.ts";

const manifest = `/v2/${repository}/manifests/v1`;

function refuse(name: string, target: string, rest: Partial<AbuseCase> = {}): AbuseCase {
  return { name, target, status: 400, code: "NAME_INVALID", names: "canonical", ...rest };
}

/** The server sees such a target only after it was made canonical, and treats it as what it then is. */
function resolved(name: string, target: string, rest: Partial<AbuseCase>): AbuseCase {
  return { name: `GHSA-qj39-pjf2-wmrc, CVE-2024-4956: ${name}`, target, status: 404, ...rest };
}

runAbuse("paths with more than one spelling", [
  refuse("a slash in percent-encoding", "/v2/box%2fapp/manifests/v1"),
  refuse("the same in capitals", "/v2/box%2Fapp/manifests/v1"),
  refuse("a letter in percent-encoding", "/v2/%62ox/app/manifests/v1"),
  refuse("a slash encoded twice", "/v2/box%252fapp/manifests/v1"),
  refuse("dots and an encoded slash", "/v2/box/..%2fapp/manifests/v1"),
  refuse("a backslash in percent-encoding", "/v2/box%5capp/manifests/v1"),
  refuse("NUL in percent-encoding", "/v2/box/app/manifests/v1%00"),
  refuse("a line break in percent-encoding", "/v2/box/app/manifests/v1%0d%0aset-cookie:a=b", {
    answerHeaders: { "set-cookie": null },
  }),
  refuse("a percent sign alone", "/v2/box%/app/manifests/v1"),
  refuse("percent-encoding that is cut off", "/v2/box/app/manifests/v1%2"),
  refuse("percent-encoding of no digits", "/v2/box/app/manifests/v1%zz"),
  refuse("overlong UTF-8", "/v2/box%c0%afapp/manifests/v1"),
  refuse("UTF-8 in percent-encoding", "/v2/b%C3%B6x/manifests/v1"),
  refuse("raw bytes beyond ASCII", "/v2/b\xf6x/manifests/v1"),
  refuse("full-width letters", "/v2/%EF%BD%82ox/manifests/v1"),
  refuse("two slashes in the middle", "/v2/box//app/manifests/v1"),
  refuse("two slashes at the start of the name", "/v2//box/app/manifests/v1"),
  refuse("two slashes before the tag", "/v2/box/app/manifests//v1"),
  refuse("two slashes at the end", "/v2/box/app/blobs/uploads//", { method: "POST" }),
  refuse("a parameter of a component", "/v2/box;v=1/app/manifests/v1"),
  refuse("a fragment", "/v2/box/app/manifests/v1#x"),
  refuse("a fragment in the name", "/v2/box#/app/manifests/v1"),
  refuse("a pipe", "/v2/box|app/manifests/v1"),
  refuse("a quotation mark", '/v2/box"app/manifests/v1'),
  refuse("angle brackets", "/v2/<box>/manifests/v1"),
  refuse("braces", "/v2/{box}/manifests/v1"),
  refuse("a caret", "/v2/box^/manifests/v1"),
  refuse("a backquote", "/v2/`box`/manifests/v1"),
  refuse("brackets", "/v2/[box]/manifests/v1"),

  resolved("two dots", "/v2/other/../box/nothing/manifests/v1", {
    code: "NAME_UNKNOWN",
    names: "box/nothing",
  }),
  resolved(
    "two dots out of a project, in percent-encoding",
    "/v2/other/%2e%2e/box/no/manifests/v1",
    {
      code: "NAME_UNKNOWN",
      names: "box/no",
    },
  ),
  resolved("mixed dots", "/v2/other/.%2E/box/no/manifests/v1", {
    code: "NAME_UNKNOWN",
    names: "box/no",
  }),
  resolved("one dot", "/v2/box/./no/manifests/v1", { code: "NAME_UNKNOWN", names: "box/no" }),
  resolved("a backslash", "/v2/box\\no/manifests/v1", { code: "NAME_UNKNOWN", names: "box/no" }),
  resolved("backslashes and dots", "/v2/box\\..\\no/manifests/v1", {
    code: "NAME_UNKNOWN",
    names: "no",
  }),
  resolved("into a reserved project", "/v2/box/../asof/x/blobs/uploads/", {
    method: "POST",
    status: 400,
    code: "NAME_INVALID",
    names: "asof/x",
  }),
  resolved("out of /v2/", "/v2/../../etc/passwd", { code: "UNSUPPORTED", names: "/etc/passwd" }),
  resolved("out of /v2/ in percent-encoding", "/v2/%2e%2e/%2e%2e/etc/passwd", {
    code: "UNSUPPORTED",
    names: "/etc/passwd",
  }),
  resolved(
    "dots and an encoded slash as a digest",
    `/v2/${repository}/blobs/sha256:..%2f..%2fberth.db`,
    {
      status: 400,
      code: "NAME_INVALID",
      names: "canonical",
    },
  ),
  resolved("two dots as a tag", `/v2/${repository}/manifests/..`, { code: "UNSUPPORTED" }),
  resolved("two dots as an upload", `/v2/${repository}/blobs/uploads/..`, {
    method: "PATCH",
    status: 405,
    code: "UNSUPPORTED",
    names: "PATCH",
  }),
  resolved("an absolute form with the same host", `http://localhost${manifest}x`, {
    code: "MANIFEST_UNKNOWN",
    names: "v1x",
  }),
  resolved("an absolute form with dots", "http://localhost/v2/a/../box/no/manifests/v1", {
    code: "NAME_UNKNOWN",
    names: "box/no",
  }),
]);

const unknown = { status: 404, code: "UNSUPPORTED" } as const;

runAbuse("paths that are no endpoint", [
  ...[
    "/v2/_catalog/",
    "/v2/_catalog/x",
    `/v2/${repository}`,
    `/v2/${repository}/`,
    `/v2/${repository}/tags`,
    `/v2/${repository}/tags/`,
    `/v2/${repository}/tags/list/`,
    `/v2/${repository}/tags/LIST`,
    `/v2/${repository}/Manifests/v1`,
    `/v2/${repository}/manifest/v1`,
    `/v2/${repository}/_trust/tuf/root.json`,
    "/v2/_oci/ext/discover",
    "/V2/",
    "/v3/",
    "/%76%32/",
    "//localhost/v2/",
    "/.env",
    "/berth.db",
    "/control.sock",
    "/api/v1/verify",
    "/debug/pprof/",
    "/favicon.ico",
    "/livez/",
    "/METRICS",
  ].map((target): AbuseCase => ({ name: target, target, names: target, ...unknown })),
  { name: "/v2x/", target: "/v2x/", ...unknown, names: "/v2x/" },
  {
    name: "manifests without a name",
    target: "/v2/manifests/v1",
    ...unknown,
    names: "/v2/manifests/v1",
  },
  {
    name: "blobs without a name",
    target: `/v2/blobs/${absentDigest}`,
    ...unknown,
    names: "/v2/blobs",
  },
  {
    name: "tags without a name",
    target: "/v2/tags/list",
    ...unknown,
    names: "/v2/tags/list",
  },
  {
    name: "a path of 8,193 bytes",
    target: `/v2/${"a".repeat(8_189)}`,
    status: 414,
    code: "UNSUPPORTED",
    names: ["8193", "8192"],
  },
  { name: "a path of 32 KiB", target: `/v2/${"a".repeat(32 * 1024)}`, status: "parser" },
]);

const wrongMethods: readonly [string, string, string][] = [
  ["POST", "/v2/", "GET, HEAD"],
  ["DELETE", "/v2/", "GET, HEAD"],
  ["OPTIONS", "/v2/", "GET, HEAD"],
  ["TRACE", "/v2/", "GET, HEAD"],
  ["POST", "/v2/_catalog", "GET, HEAD"],
  ["DELETE", "/v2/_catalog", "GET, HEAD"],
  ["PUT", `/v2/${repository}/tags/list`, "GET, HEAD"],
  ["DELETE", `/v2/${repository}/tags/list`, "GET, HEAD"],
  ["POST", manifest, "GET, HEAD, PUT, DELETE"],
  ["PATCH", manifest, "GET, HEAD, PUT, DELETE"],
  ["OPTIONS", manifest, "GET, HEAD, PUT, DELETE"],
  ["PUT", `/v2/${repository}/blobs/${image.digest}`, "GET, HEAD, DELETE"],
  ["POST", `/v2/${repository}/blobs/${image.digest}`, "GET, HEAD, DELETE"],
  ["PATCH", `/v2/${repository}/blobs/${image.digest}`, "GET, HEAD, DELETE"],
  ["GET", `/v2/${repository}/blobs/uploads/`, "POST"],
  ["HEAD", `/v2/${repository}/blobs/uploads/`, "POST"],
  ["PUT", `/v2/${repository}/blobs/uploads/`, "POST"],
  ["DELETE", `/v2/${repository}/blobs/uploads/`, "POST"],
  ["POST", `/v2/${repository}/blobs/uploads/x`, "GET, HEAD, PATCH, PUT, DELETE"],
  ["POST", `/v2/${repository}/referrers/${image.digest}`, "GET, HEAD"],
  ["DELETE", `/v2/${repository}/referrers/${image.digest}`, "GET, HEAD"],
  ["POST", "/livez", "GET, HEAD"],
  ["DELETE", "/metrics", "GET, HEAD"],
  ["PUT", "/", "GET, HEAD"],
  ["PROPFIND", "/v2/", "GET, HEAD"],
];

runAbuse("methods that a path does not have", [
  ...wrongMethods.map(
    ([method, target, allow]): AbuseCase => ({
      name: `${method} ${target}`,
      method,
      target,
      status: 405,
      code: "UNSUPPORTED",
      names: method,
      answerHeaders: { allow },
    }),
  ),
  ...["FOO", "get", "G@T", "", "GET\t", "G\0T"].map(
    (method): AbuseCase => ({
      name: `a method nobody knows: ${JSON.stringify(method)}`,
      method,
      target: "/v2/",
      status: "parser",
    }),
  ),
]);
