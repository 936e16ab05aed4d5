import { afterAll, describe, expect, test } from "bun:test";
import { isInnerAddress } from "../inner-addresses.ts";
import { askOutside, type OutboundRequest, outsideFetch } from "./outbound.ts";

const asked: string[] = [];
/** Takes connections and says nothing. */
const mute = Bun.listen({ hostname: "127.0.0.3", port: 0, socket: { data() {} } });
afterAll(() => mute.stop(true));
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    asked.push(`${request.headers.get("host")} ${new URL(request.url).pathname}`);
    switch (new URL(request.url).pathname) {
      case "/moved":
        return new Response(null, { status: 302, headers: { location: "/text" } });
      case "/packed":
        return new Response(Bun.gzipSync("x".repeat(1_000)), {
          headers: { "content-encoding": "gzip" },
        });
      case "/long":
        return new Response("x".repeat(1_001));
      default:
        return new Response("text");
    }
  },
});
afterAll(() => server.stop(true));
const own = `http://127.0.0.1:${server.port}`;

function ask(url: string, rest: Partial<OutboundRequest> = {}) {
  return askOutside({ url, mayBeInner: false, bytesMax: 1_000, ...rest });
}

describe("CVE-2026-22874: an inner address", () => {
  test.each([
    ...["127.0.0.1", "127.255.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255"],
    ...["192.168.1.1", "169.254.169.254", "100.64.0.1", "168.63.129.16", "192.0.0.8"],
    ...["198.18.0.1", "198.19.255.255", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
    ...["::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1"],
    ...["::ffff:7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2001::1", "2002:7f00:1::", "::7f00:1"],
    ...["2001:db8::1", "localhost", ""],
  ])("%p is one", (address) => {
    expect(isInnerAddress(address)).toBe(true);
  });

  test.each(["1.1.1.1", "140.82.121.4", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])(
    "%p is none",
    (address) => {
      expect(isInnerAddress(address)).toBe(false);
    },
  );
});

describe("CVE-2026-2376: a request to somebody else's server", () => {
  test.each([
    ...["https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://017700000001/"],
    ...[
      "https://[::1]/",
      "https://[::ffff:127.0.0.1]/",
      "https://localhost/",
      "https://localhost./",
    ],
    ...["https://169.254.169.254/latest/meta-data", "https://127。0。0。1/"],
  ])("is not sent to %p", async (url) => {
    await expect(ask(url)).rejects.toThrow("inner address");
  });

  test.each([
    ["http://1.1.1.1/", "only https://"],
    ["file:///etc/passwd", "only https://"],
    ["https://user:secret@1.1.1.1/", "a name or a password"],
    ["unix:/run/docker.sock", "only https://"],
    ["nonsense", "is no URL"],
  ])("is not sent to %p", async (url, why) => {
    await expect(ask(url)).rejects.toThrow(why);
  });

  test("is not sent where one of several addresses is inner", async () => {
    const resolve = async () => ["1.1.1.1", "10.0.0.1"];
    await expect(ask("https://both.example/", { resolve })).rejects.toThrow("at 10.0.0.1");
  });

  test("goes to the address that was looked at, and asks for the name once", async () => {
    const answers = [["127.0.0.1"], ["10.0.0.1"]];
    const resolve = async () => answers.shift() ?? [];
    const { port } = server;
    const answer = await ask(`http://flips.example:${port}/text`, { resolve, mayBeInner: true });
    expect([answer.status, answer.text]).toEqual([200, "text"]);
    expect(answers).toHaveLength(1);
    expect(asked.at(-1)).toBe(`flips.example:${port} /text`);
  });

  test("tries the next address where one is not there", async () => {
    const resolve = async () => ["127.0.0.2", "127.0.0.1"];
    const url = `http://two.example:${server.port}/text`;
    expect((await ask(url, { resolve, mayBeInner: true })).text).toBe("text");
  });

  test.each([
    ["/moved", "a redirect, which is not followed"],
    ["/packed", "an answer in gzip"],
    ["/long", "longer than 1000 bytes"],
  ])("is an error where %s is answered so", async (path, why) => {
    const before = asked.length;
    await expect(ask(own + path, { mayBeInner: true })).rejects.toThrow(why);
    expect(asked.length).toBe(before + 1);
  });

  test("ends in time, whoever is silent: a name server, or one address after the other", async () => {
    const began = performance.now();
    const never = () => new Promise<never>(() => {});
    const url = `http://mute.example:${mute.port}/`;
    const rest = { mayBeInner: true, requestMsMax: 400 };
    await expect(ask(url, { ...rest, resolve: never })).rejects.toThrow("mute.example");
    const resolve = async () => ["127.0.0.3", "127.0.0.3", "127.0.0.3"];
    await expect(ask(url, { ...rest, resolve })).rejects.toThrow("mute.example");
    await expect(ask(url, { ...rest, addressMsMax: 150, resolve })).rejects.toThrow("mute.example");
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test("leaves time for the next address where one is silent", async () => {
    const other = Bun.serve({
      ...{ hostname: "127.0.0.4", port: mute.port },
      fetch: () => new Response("from the other"),
    });
    const resolve = async () => ["127.0.0.3", "127.0.0.4"];
    const url = `http://two.example:${mute.port}/`;
    const rest = { mayBeInner: true, resolve, addressMsMax: 150 };
    expect((await ask(url, rest)).text).toBe("from the other");
    // What changes something may have been done by the first one.
    const post = ask(url, { ...rest, method: "POST", body: "code=x", requestMsMax: 600 });
    await expect(post).rejects.toThrow("cannot be asked");
    await other.stop(true);
  });

  test("goes to the next address with a POST too where nobody listens at the first", async () => {
    const resolve = async () => ["127.0.0.2", "127.0.0.1"];
    const url = `http://two.example:${server.port}/text`;
    const rest = { method: "POST", body: "code=x", mayBeInner: true, resolve } as const;
    expect((await ask(url, rest)).text).toBe("text");
  });

  test("ends when who asked for it ends it", async () => {
    const signal = AbortSignal.timeout(100);
    const began = performance.now();
    const fetchOutside = outsideFetch({ mayBeInner: true, bytesMax: 1_000 });
    const url = `http://127.0.0.3:${mute.port}/`;
    const request = fetchOutside(url, { method: "GET", headers: {}, signal });
    await expect(request).rejects.toThrow("cannot be asked");
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test("says which name is not found", async () => {
    const resolve = () => Promise.reject(new Error("no such host"));
    await expect(ask("https://gone.example/", { resolve })).rejects.toThrow("gone.example");
  });
});
