import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLog, type LogOptions, type RequestLine } from "./log.ts";

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), monotonic: () => 0 };

function collect(options: Partial<LogOptions> = {}) {
  const batches: string[] = [];
  const write = (lines: string) => {
    batches.push(lines);
  };
  return { log: createLog({ format: "json", level: "info", write, clock, ...options }), batches };
}

const request: RequestLine = {
  request_id: "0192",
  principal: null,
  address: "127.0.0.1",
  user_agent: "docker/27",
  scheme: "http",
  method: "GET",
  path: "/v2/a/manifests/1",
  repository: "a",
  status: 200,
  bytes: 12,
  duration_ms: 0.30000000000000004,
};

test("a line is JSON: time, level, message, fields", () => {
  const { log, batches } = collect();
  log.info("Pushed a", {
    repository: "a",
    bytes: 3,
    missing: undefined,
    tags: ["x"],
    principal: null,
  });
  log.flush();
  expect(batches).toEqual([
    '{"ts":"2026-01-02T03:04:05.006Z","level":"info","msg":"Pushed a","repository":"a","bytes":3,"tags":["x"],"principal":null}\n',
  ]);
});

test("a request's line has every field, also those that are null", () => {
  const { log, batches } = collect();
  log.request(request);
  log.flush();
  expect(JSON.parse(batches[0] ?? "")).toEqual({
    ts: "2026-01-02T03:04:05.006Z",
    level: "info",
    msg: "GET /v2/a/manifests/1 200",
    ...request,
    duration_ms: 0.3,
  });
});

test("whatever a client sends stays one line, valid, without control characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (input) => {
      const { log, batches } = collect();
      log.request({ ...request, user_agent: input, path: `/${input}` });
      log.info(input, { user_agent: input });
      log.flush();
      const [first = "", second = "", ...rest] = (batches[0] ?? "").split("\n");
      expect(rest).toEqual([""]);
      expect(/\p{Cc}/u.test(first + second)).toBe(false);
      expect(JSON.parse(first)).toMatchObject({ user_agent: input, path: `/${input}` });
      expect(JSON.parse(second)).toMatchObject({ msg: input, user_agent: input });
      const text = collect({ format: "text" });
      text.log.request({ ...request, user_agent: input, path: `/${input}` });
      text.log.flush();
      expect((text.batches[0] ?? "").split(/\p{Cc}/u)).toHaveLength(2);
    }),
  );
});

test("an error brings its stack and what caused it, and is written at once", () => {
  for (const format of ["json", "text"] as const) {
    const { log, batches } = collect({ format });
    log.error("Could not sync", { error: new Error("outer", { cause: new Error("inner") }) });
    expect(batches[0]).toMatch(/outer/);
    expect(batches[0]).toMatch(/caused by Error: inner/);
    expect(batches[0]).toMatch(/log\.test\.ts/);
  }
});

test("text is for people: what is null is left out, words with spaces are quoted", () => {
  const { log, batches } = collect({ format: "text" });
  log.warn("Refused", { repository: "a/b", why: "too large", principal: null });
  log.request(request);
  log.flush();
  const [warning, line] = (batches[0] ?? "").split("\n");
  expect(warning).toMatch(/^\d\d:\d\d:\d\d warn {2}Refused repository=a\/b why="too large"$/);
  expect(line).toMatch(/ info {2}GET \/v2\/a\/manifests\/1 200 request_id=0192 address=127.0.0.1 /);
});

test("less than the level is not written", () => {
  const { log, batches } = collect({ level: "warn" });
  log.debug("a");
  log.info("b");
  log.request(request);
  log.warn("c");
  log.flush();
  expect(batches.join("").split("\n")).toHaveLength(2);
});

test("lines go out together, within 20 ms or as soon as there are 64 KiB", async () => {
  const { log, batches } = collect();
  log.info("a");
  log.info("b");
  expect(batches).toHaveLength(0);
  await Bun.sleep(60);
  expect(batches).toHaveLength(1);
  for (let i = 0; i < 400; i++) log.request(request);
  expect(batches.length).toBeGreaterThan(1);
});

test("while the reader stalls at most 8 MiB are kept, and the number of the others is told", async () => {
  const batches: string[] = [];
  let resume = () => {};
  const write = (lines: string) => {
    batches.push(lines);
    return batches.length === 1 ? new Promise<void>((resolve) => (resume = resolve)) : undefined;
  };
  const { log } = collect({ write });
  const message = "x".repeat(1024 * 1024);
  for (let i = 0; i < 12; i++) log.error(message);
  expect(batches).toHaveLength(1);
  resume();
  await Bun.sleep(0);
  expect(batches).toHaveLength(2);
  expect(batches[1]?.trimEnd().split("\n").at(-1)).toContain('"msg":"3 log lines were dropped');
});
