import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { reservedProjectNames } from "../../src/oci/repository-name.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createHostGuard } from "../../src/platform/http/host-guard.ts";
import { digestOf, makeImage } from "../support/images.ts";
import { createOciClient, expectError, type OciClient } from "../support/oci-client.ts";
import { exchange, openSocket } from "../support/raw-socket.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";

const repository = "team/app";
const image = makeImage("door");

let app: TestApp;
let client: OciClient;

beforeAll(async () => {
  app = await startTestApp();
  client = createOciClient(app.fetch);
  await client.pushImage(repository, image, "v1");
});

afterAll(async () => {
  await app.remove();
  expect(app.logged).toEqual([]);
});

describe("the base", () => {
  test("/v2/ with and without its slash, by GET and HEAD", async () => {
    for (const path of ["/v2/", "/v2"]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await app.fetch(path, { method });
        expect(response.status).toBe(200);
        expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
        expect(await response.text()).toBe(method === "GET" ? "{}" : "");
      }
    }
  });

  test("no answer allows another origin", async () => {
    for (const path of ["/v2/", "/v2/_catalog", `/v2/${repository}/manifests/v1`, "/metrics"]) {
      for (const method of ["GET", "OPTIONS"]) {
        const response = await app.fetch(path, {
          method,
          headers: { origin: "https://evil.example", "access-control-request-method": "PUT" },
        });
        await response.arrayBuffer();
        for (const name of response.headers.keys()) {
          expect(name).not.toStartWith("access-control-");
        }
      }
    }
  });

  test("of a body that is refused the rest is taken, where the connection ends with the answer", async () => {
    const { socket, received, closed } = await listen(app.port);
    const size = 3_000_000;
    socket.write(
      `PUT /v2/${repository}/blobs/uploads/none?digest=${digestOf("x")} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
    );
    for (let sent = 0; sent < size; sent += size / 10) {
      await Bun.sleep(20);
      // A proxy that still sends would lose it.
      expect(received()).toBe("");
      socket.write(Buffer.alloc(size / 10));
    }
    await closed;
    expect(received()).toStartWith("HTTP/1.1 404 ");
    expect(received()).toContain("BLOB_UPLOAD_UNKNOWN");
  });

  test("every answer has a request id of its own", async () => {
    const ids = await Promise.all(
      Array.from({ length: 10 }, async () => (await app.fetch("/v2/")).headers.get("x-request-id")),
    );
    expect(new Set(ids).size).toBe(10);
    expect(ids).not.toContain(null);
  });
});

describe("errors have one envelope", () => {
  const cases: readonly [string, string, string, number, string, RequestInit?][] = [
    ["no endpoint", "GET", "/v2/nothing/here", 404, "UNSUPPORTED"],
    ["outside of /v2/", "GET", "/nothing", 404, "UNSUPPORTED"],
    ["no repository", "GET", "/v2/team/none/tags/list", 404, "NAME_UNKNOWN"],
    ["no manifest", "GET", `/v2/${repository}/manifests/none`, 404, "MANIFEST_UNKNOWN"],
    ["no blob", "GET", `/v2/${repository}/blobs/${digestOf("none")}`, 404, "BLOB_UNKNOWN"],
    ["no upload", "GET", `/v2/${repository}/blobs/uploads/none`, 404, "BLOB_UPLOAD_UNKNOWN"],
    ["a method", "PATCH", `/v2/${repository}/manifests/v1`, 405, "UNSUPPORTED"],
    ["a blob in use", "DELETE", `/v2/${repository}/blobs/${digestOf(image.config)}`, 405, "DENIED"],
    [
      "a type that is left out",
      "GET",
      `/v2/${repository}/manifests/v1`,
      406,
      "UNSUPPORTED",
      { headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" } },
    ],
    [
      "a manifest of 5 MiB",
      "PUT",
      `/v2/${repository}/manifests/large`,
      413,
      "MANIFEST_INVALID",
      { body: Buffer.alloc(5 * 1024 * 1024) },
    ],
    [
      "a range behind the end",
      "GET",
      `/v2/${repository}/blobs/${digestOf(image.config)}`,
      416,
      "SIZE_INVALID",
      { headers: { range: "bytes=100000-" } },
    ],
  ];
  for (const [name, method, path, status, code, init] of cases) {
    test(`${status} for ${name}`, async () => {
      const response = await app.fetch(path, { ...init, method });
      if (status === 405 && code === "UNSUPPORTED") {
        expect(response.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE");
      }
      await expectError(response, status, code);
    });
  }

  test("HEAD has the status of GET and no body", async () => {
    for (const path of [
      "/v2/nothing/here",
      `/v2/${repository}/manifests/none`,
      "/v2/Bad/tags/list",
    ]) {
      const [got, headed] = [await app.fetch(path), await app.fetch(path, { method: "HEAD" })];
      await got.text();
      expect([headed.status, await headed.text()]).toEqual([got.status, ""]);
    }
  });
});

test("names that Berth keeps for itself are refused from the first push, and unknown to a pull", async () => {
  for (const project of reservedProjectNames) {
    for (const name of [project, `${project}/deep`]) {
      const pushed = await app.fetch(`/v2/${name}/blobs/uploads/`, { method: "POST" });
      const { message } = await expectError(pushed, 400, "NAME_INVALID");
      expect(message).toContain(name);
      // What looks like a moment of the past, and names none, is no name at all.
      const status = name.startsWith("asof/") ? 400 : 404;
      expect(await client.status(`/v2/${name}/tags/list`)).toBe(status);
    }
    const inside = await app.fetch(`/v2/team/${project}/blobs/uploads/`, { method: "POST" });
    expect(inside.status).toBe(202);
  }
});

describe("Host, in open mode on loopback", () => {
  const statusFor = async (to: TestApp, host: string) => {
    const { answers } = await exchange(to.port, `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return answers[0]?.status;
  };

  test("loopback names pass, others are 421: a rebound name gets nothing", async () => {
    for (const host of ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000"]) {
      expect([host, await statusFor(app, host)]).toEqual([host, 200]);
    }
    for (const host of ["evil.example", "localhost.evil.example", "192.168.0.1", "registry"]) {
      expect([host, await statusFor(app, host)]).toEqual([host, 421]);
    }
    const response = await app.fetch("/metrics", { headers: { host: "evil.example" } });
    const { detail } = await expectError(response, 421, "DENIED");
    expect(detail).toEqual({ host: "evil.example" });
  });

  test("the host of BERTH_URL passes beside them", () => {
    const env = { BERTH_URL: "http://registry.example:8080", BERTH_OPEN: "1" };
    const guard = createHostGuard(loadConfig({ listen: "127.0.0.1:0" }, env).config);
    expect(() => guard("registry.example:8080")).not.toThrow();
    expect(() => guard("localhost")).not.toThrow();
    expect(() => guard("registry.example")).toThrow("neither a loopback name");
    expect(() => guard("registry.example:8081")).toThrow("neither a loopback name");
  });

  test("a host is compared without regard to case or to its scheme's port", () => {
    for (const [scheme, port, other] of [
      ["https", 443, 80],
      ["http", 80, 443],
    ] as const) {
      const env = { BERTH_URL: `${scheme}://Registry.Example.com`, BERTH_OPEN: "1" };
      const guard = createHostGuard(loadConfig({ listen: "127.0.0.1:0" }, env).config);
      for (const name of ["Registry.Example.com", "registry.example.com", "LOCALHOST"]) {
        expect(() => guard(name)).not.toThrow();
        expect(() => guard(`${name}:${port}`)).not.toThrow();
      }
      expect(() => guard(`registry.example.com:${other}`)).toThrow("neither a loopback name");
    }
  });

  test("a probe of HTTP/1.0 needs no Host", async () => {
    for (const path of ["/livez", "/readyz", "/v2/"]) {
      const { answers } = await exchange(app.port, `GET ${path} HTTP/1.0\r\n\r\n`);
      expect([path, answers[0]?.status, answers[0]?.body]).toEqual([
        path,
        200,
        path === "/v2/" ? "{}" : "ok\n",
      ]);
    }
  });
});

describe("X-Forwarded-For", () => {
  async function clientOf(to: TestApp, forwarded: string | null): Promise<unknown> {
    const response = await to.fetch(`/v2/${repository}/blobs/uploads/`, {
      method: "POST",
      headers: forwarded === null ? {} : { "x-forwarded-for": forwarded },
    });
    const id = response.headers.get("docker-upload-uuid") ?? "";
    const [row] = await to.rows("select client from uploads where id = ?", id);
    return row?.["client"];
  }

  test("counts for nothing from an address that is no trusted proxy", async () => {
    expect(await clientOf(app, "192.0.2.9")).toBe("127.0.0.1");
  });

  test("from trusted proxies: the last address that none of them is", async () => {
    const proxied = await startTestApp({
      env: { BERTH_TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" },
    });
    try {
      expect(await clientOf(proxied, null)).toBe("127.0.0.1");
      expect(await clientOf(proxied, "192.0.2.9")).toBe("192.0.2.9");
      expect(await clientOf(proxied, "198.51.100.1, 192.0.2.9, 10.1.2.3")).toBe("192.0.2.9");
      expect(await clientOf(proxied, "2001:db8::1")).toBe("2001:db8::1");
    } finally {
      await proxied.remove();
    }
  });
});

describe("health and metrics", () => {
  test("/livez, /readyz, /startupz by GET and HEAD", async () => {
    for (const path of ["/livez", "/readyz", "/startupz"]) {
      const response = await app.fetch(path);
      expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
      expect(await client.status(path, "HEAD")).toBe(200);
    }
  });

  test("/metrics counts requests in the words of distribution's dashboards, and blobs in its own", async () => {
    const own = await startTestApp();
    const ownClient = createOciClient(own.fetch);
    try {
      await ownClient.pushBlob(repository, "ten bytes!");
      await (await own.fetch(`/v2/${repository}/blobs/${digestOf("ten bytes!")}`)).arrayBuffer();
      const response = await own.fetch("/metrics");
      expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
      const text = await response.text();
      expect(text).toContain("berth_blob_received_bytes_total 10\n");
      expect(text).toContain("berth_blob_sent_bytes_total 10\n");
      expect(text).toMatch(/^registry_http_requests_total\{[^}]*code="200"[^}]*\} 1$/m);
      expect(text).toMatch(/^berth_db_commits_total [1-9]/m);
      for (const line of text.trimEnd().split("\n")) {
        expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? [-+.0-9eInfaN]+)$/);
      }
    } finally {
      await own.remove();
    }
  });
});

/** A client that reads what comes, and fails where the connection is reset. */
async function listen(port: number) {
  const socket = await openSocket(port);
  let text = "";
  socket.on("data", (data) => {
    text += data.toString();
  });
  const closed = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => resolve());
  });
  return { socket, received: () => text, closed };
}
