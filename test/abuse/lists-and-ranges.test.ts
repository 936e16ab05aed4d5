import {
  type AbuseCase,
  absentDigest,
  image,
  loose,
  looseDigest,
  repository,
  runAbuse,
} from "./abuse.ts";

const lists = [`/v2/${repository}/tags/list`, "/v2/_catalog"];

const badNumbers = [
  "-1",
  "-0",
  "1.5",
  "1e3",
  "NaN",
  "Infinity",
  "",
  "abc",
  "0x10",
  "%2B5",
  "+5",
  "5;",
  "5,6",
  "1_000",
  "%EF%BC%91",
  "%00",
  "5%00",
  "%ff",
  "null",
  "true",
  "%27%20or%201%3D1--",
  "9".repeat(300).concat("x"),
];

const bigNumbers = [
  "1000",
  "1000000000",
  "2147483648",
  "4294967296",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551616",
  "9".repeat(300),
  "0".repeat(300).concat("7"),
];

const whole: Readonly<Record<string, string>> = {
  [lists[0] ?? ""]: `{"name":"${repository}","tags":["multi","v1"]}`,
  [lists[1] ?? ""]: `{"repositories":["${repository}"]}`,
};

runAbuse("CVE-2023-2253: numbers of entries to list", [
  ...lists.flatMap((list) => [
    ...badNumbers.map(
      (n): AbuseCase => ({
        name: `${list}?n=${n.slice(0, 30)}`,
        target: `${list}?n=${n}`,
        status: 400,
        code: "UNSUPPORTED",
        names: ["n must be a whole number", decoded(n).slice(0, 20)],
      }),
    ),
    ...bigNumbers.map(
      (n): AbuseCase => ({
        name: `${list}?n=${n.slice(0, 30)} is cut to what a page holds`,
        target: `${list}?n=${n}`,
        status: 200,
        answerHeaders: { link: null },
        ...(whole[list] === undefined ? {} : { answerBody: whole[list] }),
      }),
    ),
    {
      name: `${list}?n=0 is empty`,
      target: `${list}?n=0`,
      status: 200,
      answerHeaders: { link: null },
      answerBody: (whole[list] ?? "").replace(/\[.*\]/, "[]"),
    } satisfies AbuseCase,
  ]),
  ...["-1", "NaN", "9223372036854775808"].map(
    (n): AbuseCase => ({
      name: `referrers?n=${n} knows no n`,
      target: `/v2/${repository}/referrers/${absentDigest}?n=${n}`,
      status: 200,
    }),
  ),
]);

function decoded(text: string): string {
  const value = new URLSearchParams(`n=${text}`).get("n") ?? "";
  // As JSON, which is how the answer names it.
  return JSON.stringify(value).slice(1, -1);
}

runAbuse("parameters that make no sense", [
  ...[
    "last=%00",
    "last=%ff%fe",
    "last=%",
    "last=zzzz",
    `last=${"a".repeat(5_000)}`,
    "last=%F0%9F%90%B3",
    "last=%27%3B%20drop%20table%20tags%3B--",
    "last=..%2f..",
    "last=a&last=b",
    "foo=bar",
    "&&&",
    "=",
    "?",
    "last[]=a",
  ].flatMap((query): AbuseCase[] =>
    [...lists, `/v2/${repository}/referrers/${image.digest}`].map((list) => ({
      name: `${list.split("/").at(-2)}?${query.slice(0, 40)}`,
      target: `${list}?${query}`,
      status: 200,
    })),
  ),
  {
    name: "a last that nothing follows",
    target: `${lists[0]}?last=zzzz`,
    status: 200,
    answerBody: `{"name":"${repository}","tags":[]}`,
  },
  {
    name: "an artifactType of 5,000 characters",
    target: `/v2/${repository}/referrers/${image.digest}?artifactType=${"a".repeat(5_000)}`,
    status: 200,
    answerHeaders: { "oci-filters-applied": "artifactType" },
  },
  {
    name: "an artifactType with a line break",
    target: `/v2/${repository}/referrers/${image.digest}?artifactType=a%0d%0aset-cookie:b=c`,
    status: 200,
    answerHeaders: { "set-cookie": null },
  },
  {
    name: "tags of a repository that does not exist",
    target: "/v2/box/nothing/tags/list",
    status: 404,
    code: "NAME_UNKNOWN",
    names: "box/nothing",
  },
  ...["sha384", "md5", "SHA256", "", "sha256:", "../x", "%00", "blake3"].map(
    (algorithm): AbuseCase => ({
      name: `?digest-algorithm=${algorithm}`,
      method: "POST",
      target: `/v2/${repository}/blobs/uploads/?digest-algorithm=${algorithm}`,
      status: 400,
      code: "DIGEST_INVALID",
      names: ["algorithm", algorithm === "%00" ? "\\u0000" : algorithm],
    }),
  ),
  ...["sha256:", "x", "", `sha1:${"a".repeat(40)}`, "sha256:..%2f.."].flatMap((digest) =>
    ["digest", "mount"].map(
      (parameter): AbuseCase => ({
        name: `POST ?${parameter}=${digest}`,
        method: "POST",
        target: `/v2/${repository}/blobs/uploads/?${parameter}=${digest}`,
        status: 400,
        code: "DIGEST_INVALID",
        names: decodeURIComponent(digest),
      }),
    ),
  ),
]);

const blob = `/v2/${repository}/blobs/${looseDigest}`;

function range(
  header: string,
  expected: string | "whole" | "none",
  size = loose.length,
): AbuseCase {
  const common = {
    name: `Range: ${header.slice(0, 60)}`,
    target: blob,
    headers: { range: header },
  };
  if (expected === "whole") return { ...common, status: 200, answerBody: loose };
  if (expected === "none") {
    return {
      ...common,
      status: 416,
      code: "SIZE_INVALID",
      names: header.trim(),
      answerHeaders: { "content-range": `bytes */${size}` },
    };
  }
  const [first = 0, last = 0] = expected.split("-").map(Number);
  return {
    ...common,
    status: 206,
    answerBody: loose.slice(first, last + 1),
    answerHeaders: {
      "content-range": `bytes ${expected}/${size}`,
      "content-length": `${last - first + 1}`,
    },
  };
}

runAbuse("ranges of a blob of ten bytes", [
  range("bytes=0-0", "0-0"),
  range("bytes=0-9", "0-9"),
  range("bytes=9-9", "9-9"),
  range("bytes=3-5", "3-5"),
  range("bytes=5-", "5-9"),
  range("bytes=0-", "0-9"),
  range("bytes=-1", "9-9"),
  range("bytes=-10", "0-9"),
  range("bytes=-11", "0-9"),
  range("bytes=-99999999999999999999", "0-9"),
  range("bytes=5-99999999999999999999", "5-9"),
  range("bytes=0-10", "0-9"),
  range("bytes=000-001", "0-1"),
  range("Bytes=0-1", "0-1"),
  range("bytes=10-", "none"),
  range("bytes=10-10", "none"),
  range("bytes=10-20", "none"),
  range("bytes=99999999999999999999-", "none"),
  range("bytes=18446744073709551616-18446744073709551617", "none"),
  range("bytes=-0", "none"),
  range("bytes=5-4", "none"),
  range("bytes=99999999999999999999-99999999999999999998", "none"),
  range("bytes=", "whole"),
  range("bytes=-", "whole"),
  range("bytes=--1", "whole"),
  range("bytes=a-b", "whole"),
  range("bytes=1-b", "whole"),
  range("bytes=1.5-2", "whole"),
  range("bytes=+1-2", "whole"),
  range("bytes=0x1-2", "whole"),
  range("bytes=1e0-2", "whole"),
  range("bytes 0-1", "whole"),
  range("0-1", "whole"),
  range("items=0-1", "whole"),
  range("bytes=0-1,3-4", "whole"),
  range(`bytes=${Array.from({ length: 1_000 }, () => "0-").join(",")}`, "whole"),
  range("bytes=0-1;3-4", "whole"),
  range("\xff", "whole"),
]);

const contentRanges: readonly [string, string][] = [
  ["abc", "abc"],
  ["0-", "0-"],
  ["-4", "-4"],
  ["4-0", "4-0"],
  ["0-4-5", "0-4-5"],
  ["0,4", "0,4"],
  ["a-b", "a-b"],
  ["+0-4", "+0-4"],
  ["0x0-0x4", "0x0-0x4"],
  ["0.0-4.0", "0.0-4.0"],
  ["bytes=0-4", "bytes=0-4"],
  ["items 0-4/5", "items 0-4/5"],
  ["bytes 0-4/3", "bytes 0-4/3"],
  ["bytes */5", "bytes */5"],
  ["5-9999999999999999999999", "5-9999999999999999999999"],
  ["18446744073709551616-18446744073709551620", "18446744073709551616"],
];

runAbuse("Content-Range of chunks, for an upload that has five bytes", [
  ...["PATCH", "PUT"].flatMap((method): AbuseCase[] => {
    const query = method === "PUT" ? `?digest=${looseDigest}` : "";
    const chunk = (name: string, contentRange: string, rest: Partial<AbuseCase>): AbuseCase => ({
      name: `${method} ${name}`,
      method,
      upload: "01234",
      target: `{upload}${query}`,
      headers: { "content-range": contentRange },
      body: "56789",
      status: 416,
      code: "BLOB_UPLOAD_INVALID",
      ...rest,
    });
    const outOfOrder = { answerHeaders: { range: "0-4" } };
    return [
      ...contentRanges.map(([header, names]) => chunk(header, header, { status: 400, names })),
      chunk("that begins again", "0-4", { ...outOfOrder, names: ["byte 0", "byte 5"] }),
      chunk("that overlaps", "4-8", { ...outOfOrder, names: ["byte 4", "byte 5"] }),
      chunk("behind a gap", "6-10", { ...outOfOrder, names: ["byte 6", "byte 5"] }),
      chunk("far behind", "900000000000000-900000000000004", {
        ...outOfOrder,
        names: "900000000000000",
      }),
      chunk("longer than its range", "5-8", {
        status: 400,
        code: "SIZE_INVALID",
        names: ["5-8", "5 bytes"],
      }),
      chunk("shorter than its range", "5-99", {
        status: 400,
        code: "SIZE_INVALID",
        names: ["5-99", "95"],
      }),
      chunk("without a length and longer than its range", "5-8", {
        headers: { "content-range": "5-8", "transfer-encoding": "chunked" },
        body: "5\r\n56789\r\n0\r\n\r\n",
        status: 400,
        code: "SIZE_INVALID",
        names: ["5-8", "5 bytes"],
      }),
    ];
  }),
]);
