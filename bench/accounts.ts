import { join } from "node:path";
import type { Server } from "./server.ts";

/** Somebody who signs in: `Authorization` values, each of which proves who they are. */
export interface Account {
  name: string;
  basic: string;
}

/** Settings of a Berth that asks who one is. */
export const closedMode = { BERTH_OPEN: "" };

const seedClients = 16;

/** A request of the management API over the control socket, which asks nobody who they are. */
export async function manage(
  server: Server,
  method: string,
  path: string,
  body?: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const response = await fetch(`http://localhost/api/v1${path}`, {
    method,
    unix: join(server.folder, "data", "control.sock"),
    ...jsonBody(body),
  });
  return await answerOf(response, `${method} ${path}`);
}

/** `work` for each number below `count`, some at once. */
export async function seed(count: number, work: (index: number) => Promise<unknown>) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: seedClients }, worker));
}

/** A user with a personal access token, and their password. */
export async function makeUser(
  server: Server,
  name: string,
): Promise<Account & { password: string }> {
  const made = await manage(server, "POST", "/users", { name });
  const password = basicOf(name, String(made["password"]));
  const response = await fetch(`${server.origin}/api/v1/account/tokens`, {
    method: "POST",
    ...jsonBody({}, { authorization: password }),
  });
  const { token } = await answerOf(response, `a token of ${name}`);
  return { name, basic: basicOf(name, String(token)), password };
}

/** A robot of the project with this role. */
export async function makeRobot(
  server: Server,
  project: string,
  name: string,
  role: string,
): Promise<Account> {
  const made = await manage(server, "POST", `/projects/${project}/robots`, { name, role });
  const signsInAs = String(made["name"]);
  return { name: signsInAs, basic: basicOf(signsInAs, String(made["secret"])) };
}

export async function setMember(
  server: Server,
  project: string,
  member: string,
  role: string,
): Promise<void> {
  await manage(server, "PUT", `/projects/${project}/members/${member}`, { role });
}

/** The `Authorization` of a token of the token service for this scope. */
export async function bearerFor(server: Server, basic: string, scope: string): Promise<string> {
  const response = await fetch(`${server.origin}${tokenPath(scope)}`, {
    headers: { authorization: basic },
  });
  const { token } = await answerOf(response, `a token for ${scope}`);
  return `Bearer ${token}`;
}

export function tokenPath(scope: string): string {
  return `/token?service=berth&scope=${encodeURIComponent(scope)}`;
}

export function basicOf(name: string, secret: string): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
}

function jsonBody(body: object | undefined, headers: Record<string, string> = {}): RequestInit {
  if (body === undefined) return { headers };
  return {
    body: JSON.stringify(body),
    headers: { ...headers, "content-type": "application/json" },
  };
}

async function answerOf(response: Response, what: string): Promise<Record<string, unknown>> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${what} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}
