import { describe, expect, test } from "bun:test";
import { parseImagePlace } from "./image-place.ts";

const digest = `sha256:${"a".repeat(64)}`;
const home = { host: "home.example", scheme: null };

function registry(host: string, repository: string, rest: object = {}) {
  const address = { host, scheme: null };
  return { kind: "registry", address, repository, tag: null, digest: null, ...rest };
}

test.each([
  ["a.example/team/app", registry("a.example", "team/app")],
  ["a.example/team/app:v1", registry("a.example", "team/app", { tag: "v1" })],
  ["localhost:5000/app:v1", registry("localhost:5000", "app", { tag: "v1" })],
  [`a.example/app@${digest}`, registry("a.example", "app", { digest })],
  [`a.example/app:v1@${digest}`, registry("a.example", "app", { tag: "v1", digest })],
  ["docker://docker.io/alpine", registry("docker.io", "library/alpine")],
  ["docker.io/grafana/loki:3", registry("docker.io", "grafana/loki", { tag: "3" })],
  ["team/app:v1", registry("home.example", "team/app", { tag: "v1" })],
  ["app", registry("home.example", "app")],
  ["oci:some/folder", { kind: "layout", path: "some/folder", name: null }],
  ["oci:folder:v1", { kind: "layout", path: "folder", name: "v1" }],
  ["oci-archive:/a b/c.tar:x/y:z", { kind: "oci-archive", path: "/a b/c.tar", name: "x/y:z" }],
  ["docker-archive:c.tar", { kind: "docker-archive", path: "c.tar", name: null }],
  [
    "http://10.0.0.5:5000/app:v1",
    { ...registry("", "app", { tag: "v1" }), address: { host: "10.0.0.5:5000", scheme: "http" } },
  ],
])("%s", (text, place) => {
  expect(parseImagePlace(text, home)).toEqual(place as ReturnType<typeof parseImagePlace>);
});

describe("refuses", () => {
  test.each([
    ["a.example/Team/app", "names no repository"],
    ["a.example/", "names no repository"],
    ["a.example/app:", "has a tag that may not be"],
    ["a.example/app:v 1", "has a tag that may not be"],
    ["a.example/app@sha256:12", "must have a digest behind @"],
    ["oci:", "names no path"],
    ["", "names no repository"],
  ])("%p: %s", (text, rule) => {
    expect(() => parseImagePlace(text, home)).toThrow(rule);
  });

  test("what names no host where none is meant", () => {
    expect(() => parseImagePlace("team/app", null)).toThrow("names no host");
  });
});
