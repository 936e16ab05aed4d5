import { expect, test } from "bun:test";
import { createMetrics, type Metrics, metricsText } from "./metrics.ts";

const clock = { now: () => 1_700_000_000_000, monotonic: () => 0 };

async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  return metricsText(await metrics.families())
    .split("\n")
    .filter((line) => line.startsWith(name));
}

test("requests are counted by handler, method and status", async () => {
  const metrics = createMetrics(clock);
  for (const status of [200, 200, 404]) {
    metrics.startRequest();
    metrics.observeRequest("manifest", "GET", status, 0.003, 500);
  }
  metrics.startRequest();
  expect(await linesOf(metrics, "registry_http_requests_total")).toEqual([
    'registry_http_requests_total{handler="manifest",method="get",code="200"} 2',
    'registry_http_requests_total{handler="manifest",method="get",code="404"} 1',
  ]);
  expect(await linesOf(metrics, "registry_http_in_flight_requests")).toEqual([
    "registry_http_in_flight_requests 1",
  ]);
});

test("a histogram counts each value in all buckets that hold it", async () => {
  const metrics = createMetrics(clock);
  for (const seconds of [0.005, 0.006, 100]) {
    metrics.startRequest();
    metrics.observeRequest("tags", "GET", 200, seconds, 1024 * 1024 * 1024 * 8);
  }
  const lines = await linesOf(metrics, "registry_http_request_duration_seconds");
  const labels = 'handler="tags",method="get"';
  expect(lines).toContain(`registry_http_request_duration_seconds_bucket{${labels},le="0.005"} 1`);
  expect(lines).toContain(`registry_http_request_duration_seconds_bucket{${labels},le="0.01"} 2`);
  expect(lines).toContain(`registry_http_request_duration_seconds_bucket{${labels},le="60"} 2`);
  expect(lines).toContain(`registry_http_request_duration_seconds_bucket{${labels},le="+Inf"} 3`);
  expect(lines).toContain(`registry_http_request_duration_seconds_sum{${labels}} 100.011`);
  expect(lines).toContain(`registry_http_request_duration_seconds_count{${labels}} 3`);
  const sizes = await linesOf(metrics, "registry_http_response_size_bytes");
  expect(sizes).toContain('registry_http_response_size_bytes_bucket{handler="tags",le="+Inf"} 3');
});

test("methods that clients invent do not grow the metrics", async () => {
  const metrics = createMetrics(clock);
  for (let i = 0; i < 100; i++) {
    metrics.startRequest();
    metrics.observeRequest("other", `BREW${i}`, 405, 0, 0);
  }
  expect(await linesOf(metrics, "registry_http_requests_total")).toEqual([
    'registry_http_requests_total{handler="other",method="unknown",code="405"} 100',
  ]);
});

test("gauges and counters are read when somebody asks", async () => {
  const metrics = createMetrics(clock);
  let open = 1;
  metrics.gauge("berth_uploads_open", "Uploads that are open.", () => open);
  metrics.counter("berth_build_info", "Always 1.", () => [
    { labels: { version: 'a"b\\c\nd', bun: "1" }, value: 1 },
  ]);
  metrics.gauge("berth_broken", "Cannot be read.", () => {
    throw new Error("the database is closed");
  });
  open = 2;
  expect(await linesOf(metrics, "berth_")).toEqual([
    "berth_uploads_open 2",
    'berth_build_info{version="a\\"b\\\\c\\nd",bun="1"} 1',
    "berth_broken NaN",
  ]);
});

test("every line is of the text format, and every family says what it is", async () => {
  const metrics = createMetrics(clock);
  metrics.startRequest();
  metrics.observeRequest("blob", "HEAD", 200, 0.1, 0);
  const number = String.raw`(NaN|[+-]Inf|-?\d+(\.\d+)?(e[+-]?\d+)?)`;
  const sample = new RegExp(String.raw`^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? ${number}$`);
  const text = metricsText(await metrics.families());
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    expect(line.startsWith("# HELP ") || line.startsWith("# TYPE ") || sample.test(line)).toBe(
      true,
    );
  }
  expect(text).toContain("# TYPE process_cpu_seconds_total counter");
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
});
