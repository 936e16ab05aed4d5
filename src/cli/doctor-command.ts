import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { connectionTrouble } from "../client/client-error.ts";
import { createConnections } from "../client/connections.ts";
import { signInFor } from "../client/home-host.ts";
import { originOf, trustOf } from "../client/host-address.ts";
import { isRecord, readJsonFile } from "../client/json-file.ts";
import { readKnownHosts } from "../client/known-hosts.ts";
import { systemClock } from "../lib/clock.ts";
import { type ClientEnvironment, clientEnvironment } from "../platform/client-environment.ts";
import type { Config } from "../platform/config.ts";
import { version } from "../platform/version.ts";
import { healthEndpoint, healthOutput } from "../system/health-endpoint.ts";
import type { Command, CommandDeps } from "./command.ts";
import { CallError } from "./control-client.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { rows } from "./help.ts";
import { choosePlace, hostFlag, type Place, withPlace } from "./place.ts";

/** Seconds that the clocks of two machines may differ: tokens live for minutes. */
const skewSecondsMax = 60;
/** Days before its end in which a sign-in is warned of. */
const endsSoonDays = 14;
const answerMsMax = 10_000;
const dayMs = 24 * 60 * 60 * 1000;

interface Finding {
  readonly state: "ok" | "look" | "bad";
  readonly check: string;
  readonly detail: string;
}

/** `berth doctor`: why something does not work, looked at from here. */
export const doctorCommand: Command = {
  name: "doctor",
  summary:
    "Look at what commands, docker and podman need from here; exit code 3 means that something is wrong.",
  flags: ["data", "config"],
  own: [hostFlag],
  examples: ["berth doctor", "berth doctor --host registry.example"],
  async run(flags, _words, deps) {
    try {
      const env = clientEnvironment();
      const place = choosePlace(flags);
      const findings = [
        ok("berth", version),
        ...(place.kind === "folder"
          ? await lookAtFolder(place, deps)
          : await lookAtHost(place, env, deps)),
        ...lookAtDocker(env),
      ];
      console.log(rows(findings.map(({ state, check, detail }) => [state, check, detail])));
      const isBad = findings.some(({ state }) => state === "bad");
      return isBad ? EXIT_CODES.gate.code : EXIT_CODES.ok.code;
    } catch (error) {
      return explainFailure(error);
    }
  },
};

function ok(check: string, detail: string): Finding {
  return { state: "ok", check, detail };
}

async function lookAtFolder(
  place: Extract<Place, { kind: "folder" }>,
  deps: CommandDeps,
): Promise<Finding[]> {
  const { config } = place;
  if (!existsSync(config.data)) {
    const detail = `there is no data folder ${config.data}: --data, --host or berth context use name another`;
    return [{ state: "bad", check: "place", detail }];
  }
  return [ok("place", config.data), ...(await lookAtServer(config, deps))];
}

async function lookAtServer(config: Config, deps: CommandDeps): Promise<Finding[]> {
  const unix = deps.controlPath(config);
  const warnings = config.warnings.map(
    (detail) => ({ state: "look", check: "settings", detail }) as const,
  );
  let answer: Response;
  try {
    answer = await fetch(`http://berth${healthEndpoint.path}`, {
      unix,
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch (error) {
    const detail = existsSync(unix)
      ? `does not answer on ${unix}: ${connectionTrouble(error)}`
      : "does not run on this folder";
    return [{ state: existsSync(unix) ? "bad" : "look", check: "server", detail }, ...warnings];
  }
  const runs = ok("server", "runs and takes commands");
  if (answer.ok) return [runs, ...(await told(answer))];
  await answer.body?.cancel();
  if (answer.status === 404) return [runs, untold("it is older than this berth"), ...warnings];
  const detail = `answers ${answer.status} on ${unix}`;
  return [{ state: "bad", check: "server", detail }, ...warnings];
}

/** A server of a later release looks at more. */
const toldOutput = z.object({
  checks: z.array(healthOutput.shape.checks.element.extend({ name: z.string() })),
});

/** What the server says of itself, but that it answers, which is known by then. */
async function told(answer: Response): Promise<Finding[]> {
  let checks: z.output<typeof toldOutput>["checks"];
  try {
    ({ checks } = toldOutput.parse(await answer.json()));
  } catch (error) {
    const isOther = error instanceof z.ZodError || error instanceof SyntaxError;
    return [
      untold(isOther ? "its answer is none that this berth knows" : connectionTrouble(error)),
    ];
  }
  return checks.flatMap(({ name, state, message, advice, at }) => {
    if (name === "server" && state === "ok") return [];
    const when = at === null ? "" : ` (${at})`;
    const detail = `${message}${when}${advice === null ? "" : `. ${advice}`}`;
    return [{ state: state === "warn" ? ("look" as const) : state, check: name, detail }];
  });
}

function untold(why: string): Finding {
  return { state: "look", check: "health", detail: `the server does not tell it: ${why}` };
}

async function lookAtHost(
  place: Extract<Place, { kind: "host" }>,
  env: ClientEnvironment,
  deps: CommandDeps,
): Promise<Finding[]> {
  const { host } = place;
  const origin = place.origin ?? (await originOf({ host, scheme: null }, env.trustFolders));
  const findings = [ok("place", origin)];
  try {
    const answer = await fetch(`${origin}/readyz`, {
      redirect: "manual",
      signal: AbortSignal.timeout(answerMsMax),
      ...trustOf(host, env.trustFolders),
    });
    const said = (await answer.text()).trim().slice(0, 200);
    findings.push(
      answer.ok
        ? ok("server", "is ready")
        : { state: "bad", check: "server", detail: `${answer.status} ${said}` },
    );
    findings.push(...lookAtClock(answer));
  } catch (error) {
    findings.push({ state: "bad", check: "server", detail: connectionTrouble(error) });
    return findings;
  }
  findings.push(...(await lookAtSignIn(place, env, deps)));
  findings.push(...(await lookInside(place, deps)));
  return findings;
}

/** Only administrators are told, and what keeps anybody from asking is told by then. */
async function lookInside(
  place: Extract<Place, { kind: "host" }>,
  deps: CommandDeps,
): Promise<Finding[]> {
  try {
    return await withPlace(place, deps, async (send) =>
      told(await send("GET", healthEndpoint.path)),
    );
  } catch (error) {
    const status = error instanceof CallError ? error.status : null;
    if (status === 404) return [untold("it is older than this berth, or open to everybody")];
    if (status !== null && status >= 500) return [untold((error as Error).message)];
    return [];
  }
}

function lookAtClock(answer: Response): Finding[] {
  const theirs = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return [];
  const seconds = Math.round(Math.abs(systemClock.now() - theirs) / 1000);
  if (seconds <= skewSecondsMax) return [ok("clock", `differs by ${seconds} s at most`)];
  return [{ state: "bad", check: "clock", detail: `differs by ${seconds} s: set one of the two` }];
}

async function lookAtSignIn(
  place: Extract<Place, { kind: "host" }>,
  env: ClientEnvironment,
  deps: CommandDeps,
): Promise<Finding[]> {
  const { host } = place;
  const signIn = await signInFor(env, host);
  if (signIn === null) {
    return [{ state: "look", check: "sign-in", detail: `none is kept: berth login ${host}` }];
  }
  const findings: Finding[] = [];
  const attempt = async (check: string, detail: string, work: () => Promise<unknown>) => {
    try {
      await work();
      findings.push(ok(check, detail));
    } catch (error) {
      findings.push({ state: "bad", check, detail: (error as Error).message });
    }
  };
  const who = signIn.kind === "basic" ? signIn.name : `a token (${signIn.kind})`;
  await attempt("registry", `lets ${who} in`, async () => {
    const transport = await createConnections(env, systemClock).to({
      host,
      scheme: schemeOf(place),
    });
    await (await transport.send({ method: "GET", target: "/v2/", scopes: [] })).body?.cancel();
  });
  await attempt("API", `lets ${who} in`, () =>
    withPlace(place, deps, (send) => send("GET", "/api/v1/projects?limit=1")),
  );
  const known = readKnownHosts(env.configFolder).hosts.find((each) => each.host === host);
  const ends = Date.parse(known?.expiresAt ?? "");
  const days = Math.floor((ends - systemClock.now()) / dayMs);
  if (!Number.isNaN(ends) && days < endsSoonDays) {
    const detail = `ends in ${Math.max(0, days)} days: berth login ${host}`;
    findings.push({ state: "look", check: "sign-in", detail });
  }
  return findings;
}

function schemeOf({ origin }: Extract<Place, { kind: "host" }>): "http" | "https" | null {
  if (origin === null) return null;
  return origin.startsWith("https:") ? "https" : "http";
}

function lookAtDocker(env: ClientEnvironment): Finding[] {
  const file = join(env.dockerFolder, "config.json");
  if (!existsSync(file)) return [];
  try {
    const { credsStore, credHelpers } = readJsonFile(file);
    const named = [credsStore, ...Object.values(isRecord(credHelpers) ? credHelpers : {})];
    const helpers = [...new Set(named.filter((name) => typeof name === "string" && name !== ""))];
    const missing = helpers.filter((name) => Bun.which(`docker-credential-${name}`) === null);
    if (missing.length === 0) return [ok("docker", file)];
    const detail = `${file} names docker-credential-${missing.join(", docker-credential-")}, which is not in PATH`;
    return [{ state: "bad", check: "docker", detail }];
  } catch (error) {
    return [{ state: "bad", check: "docker", detail: (error as Error).message }];
  }
}
