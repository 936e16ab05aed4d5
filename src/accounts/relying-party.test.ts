import { expect, test } from "bun:test";
import { relyingPartyOf } from "./relying-party.ts";

const here = { host: "127.0.0.1", port: 5000 };
const everywhere = { host: "0.0.0.0", port: 5000 };
const tls = { cert: "cert.pem", key: "key.pem" };

test("is the public address, whatever it listens on", () => {
  for (const listen of [here, everywhere]) {
    const url = "https://registry.example.com:8443";
    expect(relyingPartyOf({ url, listen, tls: null })).toEqual({
      id: "registry.example.com",
      origin: url,
    });
  }
});

test("is localhost where nobody else is served", () => {
  const id = "localhost";
  expect(relyingPartyOf({ url: null, listen: here, tls: null })).toEqual({
    ...{ id, origin: "http://localhost:5000" },
  });
  expect(relyingPartyOf({ url: null, listen: { host: "::1", port: 443 }, tls })).toEqual({
    ...{ id, origin: "https://localhost" },
  });
});

test.each([
  ["an address", { url: "https://10.1.2.3", listen: everywhere, tls: null }],
  ["an IPv6 address", { url: "https://[2001:db8::1]", listen: everywhere, tls: null }],
  ["a name without TLS", { url: "http://registry.example.com", listen: here, tls: null }],
  ["no public address", { url: null, listen: everywhere, tls }],
])("is nobody with %s", (_what, config) => {
  expect(relyingPartyOf(config)).toBeNull();
});
