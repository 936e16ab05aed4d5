import fc from "fast-check";
import { digestOf, types } from "../support/images.ts";
import { asHeader, nearly, nearlyOneOf, sometimes } from "./values.ts";
import { image, large, largeDescriptor, publicUrl, repository } from "./world.ts";

export interface Headed {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the request says who makes it, but for what `headers` say. */
  readonly signedIn: boolean;
}

const position = fc.oneof(
  fc.constantFrom("", "0", "1", "79999", "80000", "80001", "00", "-1", "1e3", "9007199254740993"),
  fc.nat(large.length + 10).map(String),
);
const range = fc
  .tuple(
    fc.constantFrom("bytes=", "bytes=", "bytes=", "Bytes=", "bytes ", "items=", "bytes= "),
    position,
    position,
  )
  .map(([unit, first, last]) => `${unit}${first}-${last}`);
/** One that names bytes that there are. */
const satisfiable = fc
  .tuple(fc.nat(large.length - 1), fc.nat(large.length))
  .map(([first, length]) => `bytes=${first}-${first + length}`);
const ranges = nearly(
  fc.oneof(
    satisfiable,
    range,
    fc.tuple(range, position, position).map(([one, first, last]) => `${one}, ${first}-${last}`),
  ),
  1,
);

const etags = nearlyOneOf(
  ...[
    `"${image.digest}"`,
    `W/"${image.digest}"`,
    `"${largeDescriptor.digest}"`,
    "*",
    '"x", "y"',
    image.digest,
  ],
);
const addresses = nearlyOneOf(
  ...[
    "203.0.113.9",
    "203.0.113.9, 192.0.2.4",
    "2001:db8::1",
    "[2001:db8::1]:443",
    "unknown",
    "127.0.0.1",
    "10.0.0.1,",
  ],
);
const accepts = nearlyOneOf(
  ...[
    types.image,
    `${types.index}, ${types.image};q=0.5`,
    "*/*",
    "application/json",
    "text/html",
    types.schema1,
  ],
);

/** Headers that Berth looks at, and some that it had better not. */
const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
  authorization: nearlyOneOf(
    "Basic YTpi",
    "Basic",
    "Bearer x.y.z",
    "Bearer ",
    "Digest a=b",
    "Negotiate YII=",
  ),
  range: ranges,
  "if-range": etags,
  "if-none-match": etags,
  "if-match": etags,
  "if-modified-since": nearlyOneOf("Sun, 06 Nov 1994 08:49:37 GMT"),
  accept: accepts,
  "accept-encoding": nearlyOneOf("gzip", "identity;q=0", "zstd, br"),
  "content-type": nearlyOneOf(
    types.image,
    types.index,
    "application/octet-stream",
    "application/json; charset=x",
  ),
  "content-encoding": nearlyOneOf("gzip", "identity", "aws-chunked"),
  "content-range": nearlyOneOf("0-4", "bytes 0-4/5", "bytes 0-4/*", "5-9", "0-"),
  "x-forwarded-for": addresses,
  "x-forwarded-proto": nearlyOneOf("https", "http", "https,http"),
  "x-forwarded-host": nearlyOneOf("registry.example", "evil.example:99"),
  "x-forwarded-prefix": nearlyOneOf("/registry"),
  forwarded: nearlyOneOf('for=203.0.113.9;proto=https;by="[2001:db8::1]"'),
  host: nearlyOneOf(
    "registry.example",
    "registry.example:443",
    "localhost",
    "[::1]",
    "evil.example",
    "REGISTRY.example",
  ),
  cookie: nearlyOneOf(
    "berth=berth_session_x",
    "__Host-berth=x; __Host-berth=y",
    "berth-form=0123456789abcdef",
  ),
  origin: nearlyOneOf(publicUrl, "null", "https://evil.example"),
  "sec-fetch-site": nearlyOneOf("same-origin", "cross-site", "none"),
  "user-agent": nearlyOneOf("docker/27.0 go/go1.22", "Mozilla/5.0"),
  "idempotency-key": nearlyOneOf("a-key-of-mine"),
  "x-request-id": nearlyOneOf("of-the-client"),
  connection: nearlyOneOf("close", "keep-alive, upgrade"),
  "x-http-method-override": nearlyOneOf("DELETE", "PUT"),
};

const manifest = `/v2/${repository}/manifests/v1`;
const blob = `/v2/${repository}/blobs/${largeDescriptor.digest}`;
const uploads = `/v2/${repository}/blobs/uploads/`;

const targets: readonly (readonly [method: string, path: string, body: string | null])[] = [
  ["GET", blob, null],
  ["GET", blob, null],
  ["GET", manifest, null],
  ["HEAD", blob, null],
  ["HEAD", manifest, null],
  ["GET", `/v2/${repository}/tags/list`, null],
  ["GET", `/v2/${repository}/referrers/${image.digest}`, null],
  ["PUT", `/v2/${repository}/manifests/headers`, image.manifest],
  ["POST", `${uploads}?digest=${digestOf("01234")}`, "01234"],
  ["PATCH", `${uploads}01890000-0000-7000-8000-000000000000`, "01234"],
  ["GET", `/token?service=registry.example&scope=repository:${repository}:pull`, null],
  ["POST", "/token", "grant_type=refresh_token&refresh_token=x&service=registry.example"],
  ["GET", "/api/v1/account", null],
  ["GET", "/api/v1/projects/team", null],
  ["POST", "/api/v1/account/tokens", '{"description":"by headers"}'],
  ["GET", "/", null],
  ["GET", "/signin", null],
  ["POST", "/signin", "name=admin&password=x"],
  ["GET", "/metrics", null],
];

const chosen = fc.uniqueArray(
  fc
    .constantFrom(...Object.keys(values))
    .chain((name) =>
      (values[name] ?? fc.constant("")).map((value): [string, string] => [name, asHeader(value)]),
    ),
  { maxLength: 5, selector: ([name]) => name },
);

const partOfBlob = fc.record({
  target: fc.constant(["GET", blob, null] as const),
  chosen: fc
    .tuple(ranges, sometimes(etags))
    .map(([text, etag]): [string, string][] => [
      ["range", asHeader(text)],
      ...(etag === null ? [] : [["if-range", asHeader(etag)] as [string, string]]),
    ]),
  signedIn: fc.constant(true),
});
const anyOther = fc.record({
  target: fc.constantFrom(...targets),
  chosen,
  signedIn: fc.constantFrom(true, true, false),
});

export const headed: fc.Arbitrary<Headed> = fc
  .oneof({ arbitrary: partOfBlob, weight: 1 }, { arbitrary: anyOther, weight: 3 })
  .map(({ target: [method, path, body], chosen: pairs, signedIn }) => ({
    method,
    path,
    body,
    headers: Object.fromEntries(pairs),
    signedIn,
  }));
