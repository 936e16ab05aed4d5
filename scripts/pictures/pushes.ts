import { webhooksSince } from "./administration.ts";
import { type Built, buildChart, buildSbom, buildSignature } from "./build.ts";
import { at, type Happening } from "./calendar.ts";
import type { Client, Clients } from "./clients.ts";
import { makeLayer } from "./layers.ts";
import { anna, mei, piotr, robots, sofia } from "./people.ts";
import { type Architecture, buildApi, buildPlain, debian, node, type Release } from "./releases.ts";

const both: readonly Architecture[] = ["amd64", "arm64"];
const autumn = {
  ...{ express: "5.1.0", pg: "8.16.3", zod: "4.1.12", pino: "10.1.0" },
  ...{ "prom-client": "15.1.3", "big.js": "7.0.1", jose: "6.1.0" },
};
const november = { ...autumn, express: "5.2.0", pg: "8.17.1", undici: "7.16.0" };

const program = [
  'import express from "express";',
  'import { openLedger } from "./ledger.js";',
  "",
  "const ledger = await openLedger(process.env.DATABASE_URL);",
  "const app = express();",
  'app.get("/healthz", (_request, response) => response.send("ok"));',
  'app.post("/postings", async (request, response) => {',
  "  response.status(201).json(await ledger.post(request.body));",
  "});",
  "app.listen(8080);",
];
const settling = program.toSpliced(
  -1,
  0,
  'app.post("/settlements", async (request, response) => {',
  "  response.status(202).json(await ledger.settle(request.body));",
  "});",
);

interface Push {
  readonly tags: readonly string[];
  readonly by: Client;
  readonly release: Release;
  readonly signed?: true;
  readonly listed?: true;
}

function push(
  pushed: number,
  by: Client,
  tags: readonly string[],
  how: Partial<Release> & { readonly signed?: true; readonly listed?: true } = {},
): Push {
  const { signed, listed, ...rest } = how;
  const base = { node: "22.21.1", packages: november, platforms: both, program: settling };
  return {
    ...{ tags, by },
    release: { version: tags[0] ?? "", pushed, ...base, ...rest },
    ...(signed && { signed }),
    ...(listed && { listed }),
  };
}

const full = { signed: true, listed: true } as const;
const early = { packages: autumn, program } as const;
const small = { platforms: ["amd64"] } as const;
const { release, main, pulls } = robots;

/** Of payments/api, from the first to the last. */
const apiPushes: readonly Push[] = [
  push(at(58, "15:12"), piotr, ["2.12.7"], { ...early, signed: true }),
  push(at(34, "10:40"), release, ["2.13.0-rc.1"], { ...early, ...small, listed: true }),
  push(at(31, "16:05"), release, ["2.13.0-rc.2"], { ...early, ...small, listed: true }),
  push(at(30, "09:48"), release, ["2.13.0"], { ...early, ...full }),
  push(at(21, "13:20"), release, ["2.13.1"], { ...early, ...full }),
  push(at(9, "11:31"), release, ["2.13.2"], { ...early, ...full }),
  push(at(8, "17:02"), main, ["main"], { version: "main-5e1b", ...early, listed: true }),
  push(at(6, "10:15"), main, ["main"], { version: "main-77c0", listed: true }),
  push(at(5, "15:44"), pulls, ["pr-4807"], small),
  push(at(4, "09:26"), pulls, ["pr-4811"], small),
  push(at(3, "14:02"), release, ["2.14.0"], full),
  push(at(3, "02:00"), main, ["nightly-20261117"], { listed: true }),
  push(at(2, "02:00"), main, ["nightly-20261118"], { listed: true }),
  push(at(2, "16:37"), main, ["main"], { version: "main-a41d", listed: true }),
  push(at(1, "02:00"), main, ["nightly-20261119"], { listed: true }),
  push(at(1, "15:19"), pulls, ["pr-4819"], small),
  push(at(0, "02:00"), main, ["nightly-20261120"], { listed: true }),
  push(at(0, "09:12"), pulls, ["pr-4821-refactor-ledger-posting-rules"], small),
  push(at(0, "12:48"), release, ["2.14.1", "2.14", "latest"], full),
  push(at(0, "14:20"), main, ["main"], { version: "main-c07b", listed: true }),
];

/** What is pushed, over three months. */
export function imagesCome(clients: Clients): Happening[] {
  return [
    ...apiPushes.flatMap((one) => apiComes(clients, one)),
    ...others.map(({ pushed, by, repository, tags, build }) => ({
      at: pushed,
      happen: () => clients.push(by, repository, build(pushed), ...tags),
    })),
  ];
}

function apiComes({ push }: Clients, { tags, by, release, signed, listed }: Push): Happening[] {
  const repository = "payments/api";
  const { pushed } = release;
  return [
    {
      at: pushed,
      isTold: pushed > webhooksSince,
      async happen() {
        const built = buildApi(release);
        await push(by, repository, built, ...tags);
        if (listed) await push(by, repository, buildSbom(built, release.packages));
        if (signed) await push(by, repository, buildSignature(built));
      },
    },
  ];
}

interface Other {
  readonly pushed: number;
  readonly by: Client;
  readonly repository: string;
  readonly tags: readonly string[];
  build(created: number): Built;
}

const others: readonly Other[] = [
  ...[at(86, "03:10"), at(29, "03:10"), at(7, "03:10")].map((pushed, index) => ({
    ...{ pushed, by: robots.platform, repository: "platform/node" },
    tags: [["22.20.0-slim"], ["22.21.0-slim"], ["22.21.1-slim", "22-slim"]][index] ?? [],
    build: nodeImage(["22.20.0", "22.21.0", "22.21.1"][index] ?? ""),
  })),
  {
    ...{ pushed: at(7, "03:04"), by: robots.platform, repository: "platform/debian" },
    tags: ["bookworm-20261113", "bookworm-slim"],
    build: (created) =>
      plain(created, (of) => [debian(of)], "RUN /bin/sh -c apt-get update", {}, "bash"),
  },
  ...[at(26, "11:22"), at(1, "10:54"), at(0, "13:41")].map((pushed, index) => ({
    ...{ pushed, by: robots.web, repository: "web/storefront" },
    tags: [["1.48.0"], ["1.49.0"], ["1.49.1", "main"]][index] ?? [],
    build: (created: number) =>
      onNode(created, "app/dist/storefront.js", 6_300_000 + index * 14_000),
  })),
  ...[at(0, "11:06"), at(0, "11:58")].map((pushed, index) => ({
    ...{ pushed, by: sofia, repository: "web/checkout" },
    tags: [["pr-2207"], ["pr-2210-address-form"]][index] ?? [],
    build: (created: number) => onNode(created, "app/dist/checkout.js", 2_100_000 + index * 900),
  })),
  {
    ...{ pushed: at(16, "10:11"), by: sofia, repository: "web/legacy-checkout" },
    tags: ["0.9.3"],
    build: (created) => onNode(created, "app/dist/assets.tar", 71_400_000),
  },
  ...[at(37, "08:33"), at(2, "08:31")].map((pushed, index) => ({
    ...{ pushed, by: mei, repository: "payments/worker" },
    tags: [["2.13.0"], ["2.14.0"]][index] ?? [],
    build: (created: number) => onNode(created, "app/dist/worker.js", 4_200_000 + index * 5_000),
  })),
  ...["2.13.2", "2.14.0", "2.14.1"].map((version, index) => ({
    pushed: [at(9, "11:40"), at(3, "14:10"), at(0, "12:50")][index] ?? 0,
    ...{ by: release, repository: "payments/charts", tags: [version] },
    build: (created: number) =>
      buildChart("payments", version, makeLayer("", created, chartOf(version))),
  })),
  {
    ...{ pushed: at(50, "16:41"), by: anna, repository: "sandbox/hello", tags: ["1"] },
    build: (created) => onNode(created, "app/dist/hello.js", 640_000),
  },
  {
    ...{ pushed: at(13, "18:40"), by: mei, repository: "data/warehouse-loader" },
    tags: ["5.1.0"],
    build: (created) => onDebian(created, "opt/loader/lib/engine.so", 58_600_000, "loader"),
  },
  {
    ...{ pushed: at(1, "18:40"), by: mei, repository: "data/warehouse-loader" },
    tags: ["5.2.0", "latest"],
    build: (created) => onDebian(created, "opt/loader/lib/engine.so", 59_100_000, "loader"),
  },
  {
    ...{ pushed: at(4, "13:47"), by: piotr, repository: "search/indexer" },
    tags: ["0.91.0"],
    build: (created) => onDebian(created, "usr/local/bin/indexer", 21_700_000, "indexer"),
  },
  {
    ...{ pushed: at(48, "16:00"), by: anna, repository: "mirror/library/postgres" },
    tags: ["17.6", "17"],
    build: (created) =>
      onDebian(created, "usr/lib/postgresql/17/bin/postgres", 88_400_000, "postgres"),
  },
  {
    ...{ pushed: at(48, "16:05"), by: anna, repository: "mirror/library/redis" },
    tags: ["8.2"],
    build: (created) => onDebian(created, "usr/local/bin/redis-server", 17_900_000, "redis-server"),
  },
];

function nodeImage(version: string): (created: number) => Built {
  return (created) =>
    plain(
      created,
      (of) => node(version, of),
      "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit",
      {
        "usr/local/bin/docker-entrypoint.sh": '#!/bin/sh\nset -e\nexec "$@"\n',
      },
      "node",
    );
}

function onNode(created: number, path: string, bytes: number): Built {
  const files = { [path]: [bytes, `${path} ${created}`] as const };
  return plain(created, (of) => node("22.21.1", of), "COPY dist ./dist # buildkit", files, "node");
}

function onDebian(created: number, path: string, bytes: number, command: string): Built {
  const files = { [path]: [bytes, `${path} ${created}`] as const };
  return plain(created, (of) => [debian(of)], `COPY ${path} /${path} # buildkit`, files, command);
}

function plain(
  created: number,
  base: Parameters<typeof buildPlain>[0]["base"],
  line: string,
  files: Parameters<typeof buildPlain>[0]["files"],
  command: string,
): Built {
  return buildPlain({ created, platforms: both, base, line, files, command: [command] });
}

function chartOf(version: string): Record<string, string> {
  return {
    "payments/Chart.yaml": `apiVersion: v2\nname: payments\nversion: ${version}\nappVersion: "${version}"\n`,
    "payments/values.yaml": `image:\n  repository: registry.example.com/payments/api\n  tag: ${version}\nreplicas: 3\n`,
    "payments/templates/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\n",
  };
}
