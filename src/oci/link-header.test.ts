import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatNextLink } from "./link-header.ts";

test("the next page is named as the spec writes it", () => {
  expect(formatNextLink("/v2/a/b/tags/list", { n: "10", last: "v1.0" })).toBe(
    '</v2/a/b/tags/list?n=10&last=v1.0>; rel="next"',
  );
  expect(formatNextLink("/v2/_catalog", {})).toBe('</v2/_catalog>; rel="next"');
});

test("a digest in the path keeps its colon", () => {
  expect(formatNextLink("/v2/a/referrers/sha256:ab", { artifactType: "a/b+json" })).toBe(
    '</v2/a/referrers/sha256:ab?artifactType=a%2Fb%2Bjson>; rel="next"',
  );
});

test("whatever the values are, a client reads them back and the header stays one header", () => {
  const params = fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(params, (given) => {
      const link = formatNextLink("/v2/a/tags/list", given);
      const match = /^<([\x21-\x7e]+)>; rel="next"$/.exec(link);
      expect(match).not.toBeNull();
      expect(match?.[1]).not.toMatch(/[<>"]/);
      const url = new URL(match?.[1] ?? "", "http://registry.example");
      expect(url.pathname).toBe("/v2/a/tags/list");
      expect([...url.searchParams]).toEqual(Object.entries(given));
    }),
  );
});

test("an unpaired surrogate does not break the answer", () => {
  expect(formatNextLink("/x", { last: "\ud800" })).toBe('</x?last=%EF%BF%BD>; rel="next"');
});
