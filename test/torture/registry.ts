import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { App } from "../../src/app.ts";
import { openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { createLog, type Log } from "../../src/platform/log.ts";
import { Model } from "./model.ts";
import type { Robot } from "./plan.ts";
import { robots, spareRobots } from "./plan.ts";
import { firstRoles, noTags, projects, trashDays } from "./universe.ts";
import {
  type Answer,
  type Asker,
  type Body,
  jsonOf,
  type Target,
  textOf,
  withBody,
} from "./world.ts";

const client = { requestIP: () => ({ address: "192.0.2.7" }) };

/** A data folder as it is before anything happens, and the secrets of the robots in it. */
export interface Template {
  readonly folder: string;
  readonly secrets: Readonly<Record<Robot, string>>;
}

/** The program without its sockets, on a data folder. */
export interface Registry {
  readonly ask: Target["ask"];
  /** Lines that were logged as errors. */
  readonly errors: readonly string[];
  start(): void;
  close(): Promise<void>;
}

export async function openRegistry(folder: string, secrets: Secrets): Promise<Registry> {
  const { config } = loadConfig(
    { listen: "127.0.0.1:0", data: folder },
    { BERTH_LOG_REQUESTS: "false" },
  );
  const { log, errors } = logErrors();
  const app = await openApp(config, log);
  return {
    errors,
    ask: (by, method, path, rest) => ask(app, secrets, by, method, path, rest ?? {}),
    start: () => app.start("127.0.0.1:1"),
    async close() {
      await app.close();
      log.flush();
    },
  };
}

/** A log of which only errors are kept. */
export function logErrors(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = [];
  const write = (lines: string) =>
    void errors.push(...lines.split("\n").filter((line) => line !== ""));
  return { log: createLog({ format: "text", level: "error", write }), errors };
}

type Secrets = Readonly<Partial<Record<Robot, string>>>;

/** How somebody says who they are; the operator need not, over the control socket. */
export function headersOf(secrets: Secrets, by: Asker): Readonly<Record<string, string>> {
  if (by === null || by === "anonymous") return {};
  const [name, secret] = typeof by === "string" ? [by, secrets[by]] : [by.robot, by.secret];
  const credentials = Buffer.from(`robot.${name}:${secret}`).toString("base64");
  return { authorization: `Basic ${credentials}` };
}

async function ask(
  app: App,
  secrets: Secrets,
  by: Asker,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Readonly<Record<string, string>>; body?: Body },
): Promise<Answer> {
  const length = body === undefined ? 0 : Buffer.byteLength(body);
  const request = new Request(`http://localhost${path}`, {
    method,
    headers: {
      host: "localhost",
      ...headersOf(secrets, by),
      ...(method === "GET" || method === "HEAD" ? {} : { "content-length": `${length}` }),
      ...headers,
    },
    ...(body === undefined || length === 0 ? {} : { body }),
  });
  const response = by === null ? await app.api(request) : await app.fetch(request, client);
  return {
    status: response.status,
    headers: response.headers,
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}

/** Makes projects, robots, and what they may do. */
export async function makeTemplate(folder: string): Promise<Template> {
  mkdirSync(folder, { recursive: true });
  const registry = await openRegistry(folder, {});
  try {
    return { folder, secrets: await makeTeam(registry.ask) };
  } finally {
    await registry.close();
  }
}

/** The same on a registry that runs. Returns the secrets of the robots. */
export async function makeTeam(asked: Target["ask"]): Promise<Template["secrets"]> {
  const ask = async (method: string, path: string, body: unknown) => {
    const answer = await asked(null, method, `/api/v1${path}`, withBody(body));
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${textOf(answer.bytes)}`);
    return jsonOf<Record<string, unknown>>(answer);
  };
  const secrets: Partial<Record<Robot, string>> = {};
  for (const name of projects) {
    await ask("POST", "/projects", { name });
    await ask("PATCH", `/projects/${name}`, { trash_days: trashDays });
    await ask("POST", `/projects/${name}/tag-rules`, { tags: noTags });
  }
  for (const robot of [...spareRobots, ...robots]) {
    // Each must have a right; what matters here they have as members of projects.
    const grants = [{ pattern: "elsewhere/**", role: "reader" }];
    const made = await ask("POST", "/robots", { name: robot, grants, expires_in_days: null });
    if (isRobot(robot)) secrets[robot] = String(made["secret"]);
  }
  for (const project of projects) {
    for (const [robot, role] of Object.entries(firstRoles)) {
      await ask("PUT", `/projects/${project}/members/robot.${robot}`, { role });
    }
  }
  return secrets as Record<Robot, string>;
}

function isRobot(name: string): name is Robot {
  return robots.some((robot) => robot === name);
}

/** What is known of a template. */
export function modelOfTemplate(): Model {
  const model = new Model();
  for (const project of projects) {
    for (const [robot, role] of Object.entries(firstRoles)) {
      model.role(project, robot).settle(role, model.tick());
    }
  }
  return model;
}

export function copyOf({ folder }: Template, to: string): void {
  mkdirSync(join(to, ".."), { recursive: true });
  cpSync(folder, to, { recursive: true });
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  rmSync(`${folder}.unlinked`, { recursive: true, force: true });
}
