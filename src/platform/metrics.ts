import { readdirSync } from "node:fs";
import { type Clock, systemClock } from "../lib/clock.ts";

/** What served a request, in the words of distribution's metrics; `other` is everything outside `/v2/`. */
export type HandlerName =
  | "base"
  | "manifest"
  | "tags"
  | "blob"
  | "blob_upload"
  | "blob_upload_chunk"
  | "catalog"
  | "referrers"
  | "other";

/** One value of a metric that has labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Asked at each scrape. One that throws is reported as NaN: the other metrics matter most when something is broken. */
type Reading = () => Value | Promise<Value>;

type Value = number | readonly Sample[];

/**
 * What `/metrics` says. The two functions of a request cost well under 0.3 us: they count in plain
 * arrays, and text is made only when somebody asks.
 */
export interface Metrics {
  startRequest(): void;
  /** Ends what `startRequest` began; only now is it known what served it. `bytes`: of the body that was sent. */
  observeRequest(
    handler: HandlerName,
    method: string,
    status: number,
    seconds: number,
    bytes: number,
  ): void;
  /** A value that goes up and down. `over`: what several processes of one server make of theirs. */
  gauge(name: string, help: string, read: Reading, over?: Over): void;
  /** A value that only grows while the process lives; its name ends in `_total`. */
  counter(name: string, help: string, read: Reading): void;
  /** What there is now, of this process. */
  families(): Promise<FamilyValues[]>;
}

/** How values of several processes become one: `own` is that of the first, for what is the same in all. */
export type Over = "sum" | "max" | "own";

/** A metric with its values: lines as Prometheus reads them, each with its line feed. */
export interface FamilyValues {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly over: Over;
  readonly lines: readonly string[];
}

/** Prometheus text format, version 0.0.4. */
export function metricsText(families: readonly FamilyValues[]): string {
  return families
    .map(
      ({ name, help, type, lines }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`,
    )
    .join("");
}

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// The buckets of distribution: dashboards and alerts written for it go on working.
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];
const bytesBuckets = Array.from({ length: 22 }, (_, power) => 1024 * 2 ** power);
const methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];
const statusEnd = 600;

export function createMetrics(clock: Clock = systemClock): Metrics {
  const requests = createRequestCounts();
  const families: Family[] = [...processFamilies(clock)];
  const add =
    (type: Family["type"]) =>
    (name: string, help: string, read: Reading, over: Over = "sum") => {
      families.push({ name, help, type, over, lines: () => readingLines(name, read) });
    };
  return {
    startRequest: requests.start,
    observeRequest: requests.observe,
    gauge: add("gauge"),
    counter: add("counter"),
    families: () =>
      Promise.all(
        [...requests.families, ...families].map(async ({ lines, ...family }) => ({
          ...family,
          lines: await lines(),
        })),
      ),
  };
}

interface Family extends Omit<FamilyValues, "lines"> {
  lines(): string[] | Promise<string[]>;
}

async function readingLines(name: string, read: Reading): Promise<string[]> {
  let value: Value;
  try {
    value = await read();
  } catch {
    value = Number.NaN;
  }
  if (typeof value === "number") return [line(name, "", value)];
  return value.map((sample) => line(name, labelsText(sample.labels), sample.value));
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([label, value]) => {
    const text = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${label}="${text}"`;
  });
  return parts.join(",");
}

function line(name: string, labels: string, value: number): string {
  const shown = Number.isFinite(value) ? String(value) : infiniteText(value);
  return labels === "" ? `${name} ${shown}\n` : `${name}{${labels}} ${shown}\n`;
}

function infiniteText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

/** Counts of values up to each bound; the last one is of those beyond. */
interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum: number;
}

function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Float64Array(bounds.length + 1), sum: 0 };
}

function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram;
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
  (counts[bucket] as number) += 1;
  histogram.sum += value;
}

function histogramLines(
  name: string,
  labels: string,
  { bounds, counts, sum }: Histogram,
): string[] {
  let total = 0;
  const lines = Array.from(counts, (count, bucket) => {
    total += count;
    return line(`${name}_bucket`, `${labels},le="${bounds[bucket] ?? "+Inf"}"`, total);
  });
  return [...lines, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, total)];
}

interface MethodCounts {
  readonly byStatus: Float64Array;
  readonly seconds: Histogram;
}

interface HandlerCounts {
  readonly byMethod: Map<string, MethodCounts>;
  readonly bytes: Histogram;
}

function createRequestCounts() {
  const handlers = new Map<HandlerName, HandlerCounts>();
  let inFlight = 0;

  function countsOf(handler: HandlerName): HandlerCounts {
    const found = handlers.get(handler);
    if (found !== undefined) return found;
    const created = { byMethod: new Map(), bytes: createHistogram(bytesBuckets) };
    handlers.set(handler, created);
    return created;
  }

  /** What a client may call a method is without limit, so all but the known ones count as one. */
  function methodCountsOf(counts: HandlerCounts, method: string): MethodCounts {
    const found = counts.byMethod.get(method);
    if (found !== undefined) return found;
    const known = methods.includes(method) ? method : "UNKNOWN";
    const created = counts.byMethod.get(known) ?? {
      byStatus: new Float64Array(statusEnd),
      seconds: createHistogram(secondsBuckets),
    };
    counts.byMethod.set(known, created);
    return created;
  }

  const eachMethod = (show: (labels: string, counts: MethodCounts) => string[]) =>
    [...handlers].flatMap(([handler, { byMethod }]) =>
      [...byMethod].flatMap(([method, counts]) =>
        show(`handler="${handler}",method="${method.toLowerCase()}"`, counts),
      ),
    );

  return {
    start(): void {
      inFlight += 1;
    },
    observe(
      handler: HandlerName,
      method: string,
      status: number,
      seconds: number,
      bytes: number,
    ): void {
      const counts = countsOf(handler);
      const ofMethod = methodCountsOf(counts, method);
      inFlight -= 1;
      if (status < statusEnd) (ofMethod.byStatus[status] as number) += 1;
      observe(ofMethod.seconds, seconds);
      observe(counts.bytes, bytes);
    },
    families: requestFamilies(handlers, eachMethod, () => inFlight),
  };
}

function requestFamilies(
  handlers: ReadonlyMap<HandlerName, HandlerCounts>,
  eachMethod: (show: (labels: string, counts: MethodCounts) => string[]) => string[],
  readInFlight: () => number,
): Family[] {
  const total = "registry_http_requests_total";
  const seconds = "registry_http_request_duration_seconds";
  const inFlight = "registry_http_in_flight_requests";
  const bytes = "registry_http_response_size_bytes";
  return [
    {
      name: total,
      help: "Requests answered.",
      type: "counter",
      over: "sum",
      lines: () =>
        eachMethod((labels, { byStatus }) =>
          Array.from(byStatus, (count, status) =>
            count === 0 ? "" : line(total, `${labels},code="${status}"`, count),
          ),
        ),
    },
    {
      name: seconds,
      help: "Time from the head of a request to the head of its answer.",
      type: "histogram",
      over: "sum",
      lines: () => eachMethod((labels, counts) => histogramLines(seconds, labels, counts.seconds)),
    },
    {
      name: inFlight,
      help: "Requests being answered.",
      type: "gauge",
      over: "sum",
      lines: () => [line(inFlight, "", readInFlight())],
    },
    {
      name: bytes,
      help: "Sizes of answers' bodies.",
      type: "histogram",
      over: "sum",
      lines: () =>
        [...handlers].flatMap(([handler, counts]) =>
          histogramLines(bytes, `handler="${handler}"`, counts.bytes),
        ),
    },
  ];
}

/** The names that every Prometheus client library uses for its process. */
function processFamilies(clock: Clock): Family[] {
  const startedSeconds = Math.round(clock.now() / 1000 - process.uptime());
  const family = (
    type: Family["type"],
    name: string,
    help: string,
    read: () => number,
    over: Over = "sum",
  ): Family => ({
    name,
    help,
    type,
    over,
    lines: () => readingLines(name, read),
  });
  return [
    family("counter", "process_cpu_seconds_total", "CPU time used.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    family("gauge", "process_resident_memory_bytes", "Resident memory.", () =>
      process.memoryUsage.rss(),
    ),
    family("gauge", "process_open_fds", "Open file descriptors.", openFileDescriptors),
    family(
      "gauge",
      "process_start_time_seconds",
      "Start, epoch seconds.",
      () => startedSeconds,
      "own",
    ),
  ];
}

function openFileDescriptors(): number {
  // The listing itself holds one.
  return readdirSync("/proc/self/fd").length - 1;
}
