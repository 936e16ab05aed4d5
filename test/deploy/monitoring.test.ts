import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endAll, folder, run } from "../clients/support.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { startTestApp, type TestApp } from "../support/test-app.ts";
import { deployFolder, testWith } from "./support.ts";

const alertsFile = join(deployFolder, "prometheus", "alerts.yaml");
const dashboardFile = join(deployFolder, "grafana", "berth.json");

interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: string }[] };
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const alerts = (Bun.YAML.parse(readFileSync(alertsFile, "utf8")) as Alerts).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard = JSON.parse(readFileSync(dashboardFile, "utf8")) as Dashboard;
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr] as const),
);

let app: TestApp;
/** Names of the samples in `/metrics`, each with the names of its labels. */
let samples: Map<string, Set<string>>;

beforeAll(async () => {
  app = await startTestApp();
  const client = createOciClient(app.fetch);
  await client.pushImage("demo/a", makeImage("a"), "1");
  expect(await client.status("/v2/demo/a/manifests/1")).toBe(200);
  samples = readSamples(await (await app.fetch("/metrics")).text());
});

afterAll(async () => {
  await app.remove();
  await endAll();
});

function readSamples(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const names = found.get(name) ?? new Set();
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) names.add(label);
    found.set(name, names);
  }
  return found;
}

/** What an expression asks for that the app does not have. `up` and two labels are Prometheus's own. */
function missingIn(expr: string): string[] {
  const missing: string[] = [];
  for (const [, name = "", selector = ""] of expr.matchAll(
    /\b((?:berth|registry|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?/g,
  )) {
    if (name === "up") continue;
    const labels = samples.get(name);
    if (labels === undefined) missing.push(name);
    for (const [, label = ""] of selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)) {
      if (!["job", "instance"].includes(label) && labels?.has(label) === false) {
        missing.push(`${name}{${label}}`);
      }
    }
  }
  return missing;
}

test("a name that does not exist is found", () => {
  expect(missingIn('rate(berth_nonsense_total{job="a"}[5m])')).toEqual(["berth_nonsense_total"]);
  expect(missingIn('registry_http_requests_total{status="500"}')).toEqual([
    "registry_http_requests_total{status}",
  ]);
  expect(missingIn('sum(registry_http_requests_total{code=~"5..",job="b"})')).toEqual([]);
});

describe("alerts", () => {
  test.each(alerts.map(({ alert, expr }) => [alert, expr] as const))(
    "%s asks for metrics that there are",
    (_name, expr) => {
      expect(missingIn(expr)).toEqual([]);
    },
  );

  testWith(["promtool"], "fire when they should, each of them", async () => {
    await run(["promtool", "check", "rules", alertsFile]);
    const tests = join(import.meta.dir, "alerts.yaml");
    await run(["promtool", "test", "rules", tests]);
    const text = readFileSync(tests, "utf8");
    const untested = alerts.filter(({ alert }) => !text.includes(`alertname: ${alert}\n`));
    expect(untested).toEqual([]);
  });
});

describe("the dashboard", () => {
  test.each(panels)("%s asks for metrics that there are", (_title, expr) => {
    expect(missingIn(expr)).toEqual([]);
  });

  test("finds its nodes by a metric that there is", () => {
    for (const { query } of dashboard.templating.list) expect(missingIn(query)).toEqual([]);
  });

  testWith(["promtool"], "asks what Prometheus understands", async () => {
    const rules = panels.map(([, expr], index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$", ""),
    }));
    const file = join(await folder("dashboard"), "rules.json");
    await writeFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    await run(["promtool", "check", "rules", file]);
  });
});
