import { hostname } from "node:os";
import { ClientError } from "../client/client-error.ts";
import { type HostAddress, originOf, parseHost, trustOf } from "../client/host-address.ts";
import { fetchIdentityToken } from "../client/identity-token.ts";
import { readSecrets, writeSecrets } from "../client/kept-secrets.ts";
import { forgetHost, noteHost, readKnownHosts } from "../client/known-hosts.ts";
import { dropSignIn, keepSignIn, type SignIn } from "../client/sign-in.ts";
import { createTransport } from "../client/transport.ts";
import { systemClock } from "../lib/clock.ts";
import { looksLikeSecret } from "../lib/secret-text.ts";
import { type ClientEnvironment, clientEnvironment } from "../platform/client-environment.ts";
import { plain } from "./answer-text.ts";
import { askLine, readSecret } from "./ask.ts";
import { type Command, UsageError } from "./command.ts";
import { CallError, type Send } from "./control-client.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { sendTo } from "./remote-api.ts";

/** How often a program asks whether it was let in, and for how long. */
const pollMs = 3_000;
const deviceMsMax = 10 * 60_000;

type Basic = Extract<SignIn, { kind: "basic" }>;

const login: Command = {
  name: "login",
  summary: "Sign in to a registry, for berth, docker and podman alike.",
  flags: [],
  own: [
    { name: "username", short: "u", value: "name", summary: "who; else it is asked for" },
    {
      name: "web",
      summary: "let it in with a browser, here or elsewhere; for accounts without a password too",
    },
    { name: "password-stdin", summary: "read the password or token from standard input" },
  ],
  words: "<host>",
  wordsHelp: [
    { name: "<host>", summary: "such as registry.example, localhost:5000, http://10.0.0.5:5000" },
  ],
  examples: [
    "berth login registry.example -u anna",
    "berth login registry.example --web",
    'printf %s "$SECRET" | berth login registry.example -u robot.team.ci --password-stdin',
  ],
  details: [
    "What is kept is kept as docker keeps it: by the credential helper that its config.json names, else in that",
    "file. At a Berth a password is not kept: a personal access token is made with it, which ends after 90 days.",
  ].join("\n"),
  async run(flags, words) {
    const address = hostOf(words, "login");
    if (flags["web"] === true) {
      if (flags["username"] !== undefined || flags["password-stdin"] === true) {
        throw new UsageError(
          "--web asks for no name and no password: who is in the browser says yes.",
        );
      }
      try {
        return await signInByBrowser(address);
      } catch (error) {
        return explainFailure(error);
      }
    }
    const name = await nameOf(flags["username"]);
    const secret = await readSecret(`Password of ${name}: `, flags["password-stdin"] === true);
    try {
      return await signIn(address, { kind: "basic", name, secret });
    } catch (error) {
      return explainFailure(error);
    }
  },
};

const logout: Command = {
  name: "logout",
  summary: "Forget the sign-in to a registry.",
  flags: [],
  words: "<host>",
  examples: ["berth logout registry.example"],
  details:
    "A token that berth login made goes on being good until it ends: berth token revoke ends it at once.",
  async run(_flags, words) {
    const { host } = hostOf(words, "logout");
    const env = clientEnvironment();
    try {
      const wasKept = await dropSignIn(env, host);
      const wasKnown = forgetHost(env.configFolder, host);
      if (wasKept || wasKnown) {
        console.log(`Forgot the sign-in to ${host}.`);
        return EXIT_CODES.ok.code;
      }
      throw new ClientError(`there is no sign-in to ${host}`, 404);
    } catch (error) {
      return explainFailure(error);
    }
  },
};

export const loginCommands: readonly Command[] = [login, logout];

function hostOf(words: readonly string[], command: string): HostAddress {
  const [text, ...more] = words;
  const address = text === undefined ? null : parseHost(text);
  if (address === null || more.length > 0) {
    throw new UsageError(`Name one host: berth ${command} registry.example.`);
  }
  return address;
}

async function nameOf(given: unknown): Promise<string> {
  if (typeof given === "string" && given !== "") return given;
  const name = await askLine("Name: ", "There is no terminal to ask for the name: use --username.");
  if (name === "") throw new UsageError("A name is needed to sign in.");
  return name;
}

async function signIn(address: HostAddress, given: Basic): Promise<number> {
  const { host } = address;
  const origin = await originOf(address, clientEnvironment().trustFolders);
  await prove(origin, given);
  return await keep(host, origin, given, await exchange(host, origin, given));
}

/** RFC 8628: the program shows a code, and asks until somebody has said yes or no to it in a browser. */
async function signInByBrowser(address: HostAddress): Promise<number> {
  const env = clientEnvironment();
  const { host } = address;
  const origin = await originOf(address, env.trustFolders);
  if (!(await isBerth(host, origin))) throw new ClientError(`${host} is no Berth: use --username`);
  const send = sendTo({ host, origin, signIn: null, env });
  const description = `berth login on ${hostname()}`;
  const answer = await send("POST", "/api/v1/device", { description });
  const { user_code, device_code } = (await answer.json()) as Record<string, unknown>;
  const code = plain(String(user_code));
  console.error(`Open ${origin}/device?code=${code} in a browser and let the program in.`);
  console.error(`The page shows the code ${code}. It waits for ten minutes.`);
  const until = performance.now() + deviceMsMax;
  while (performance.now() < until) {
    await Bun.sleep(pollMs);
    const decided = await pollOnce(send, device_code);
    if (decided === null || decided.token === null) continue;
    const { user, token } = decided;
    const given = { kind: "basic", name: plain(user), secret: token.token } as const;
    return await keep(host, origin, given, { secret: token.token, expiresAt: token.expires_at });
  }
  throw new ClientError("nobody let the program in within ten minutes");
}

/** Null where there was no answer for now: the sign-in is not lost by that. */
async function pollOnce(send: Send, device_code: unknown): Promise<DeviceAnswer | null> {
  try {
    const answer = await send("POST", "/api/v1/device/token", { device_code });
    return (await answer.json()) as DeviceAnswer;
  } catch (error) {
    const status = error instanceof CallError ? (error.status ?? 503) : 0;
    if (status === 429 || status >= 500) return null;
    throw error;
  }
}

interface DeviceAnswer {
  readonly user: string;
  readonly token: TokenAnswer | null;
}

interface TokenAnswer {
  readonly token: string;
  readonly expires_at: string;
}

async function keep(
  host: string,
  origin: string,
  given: Basic,
  token: MadeToken | null,
): Promise<number> {
  const env = clientEnvironment();
  const place = await keepSignIn(env, host, { ...given, secret: token?.secret ?? given.secret });
  await keepIdentity(env, host, origin, given);
  noteHost(env.configFolder, {
    host,
    origin,
    user: given.name,
    expiresAt: token?.expiresAt ?? null,
  });
  const until = token?.expiresAt ?? null;
  console.log(
    `Signed in to ${host} as ${given.name}${until === null ? "" : ` until ${until.slice(0, 10)}`} (${place}).`,
  );
  if (token !== null && readKnownHosts(env.configFolder).current !== host) {
    console.log(`berth context use ${host} makes it the Berth that commands are about.`);
  }
  return EXIT_CODES.ok.code;
}

/** Where Berth's own helper keeps it, docker gets what renews itself with its use. */
async function keepIdentity(
  env: ClientEnvironment,
  host: string,
  origin: string,
  given: Basic,
): Promise<void> {
  const { basic } = readSecrets(env, host);
  if (basic === null) return;
  const identity = await fetchIdentityToken(origin, given, trustOf(host, env.trustFolders));
  writeSecrets(env, host, { basic, identity });
}

/** Throws `ClientError` where the registry does not take it. */
async function prove(origin: string, given: Basic): Promise<void> {
  const { trustFolders } = clientEnvironment();
  const transport = createTransport({ origin, signIn: given, trustFolders, clock: systemClock });
  try {
    const answer = await transport.send({ method: "GET", target: "/v2/", scopes: [] });
    await answer.body?.cancel();
  } catch (error) {
    if (!(error instanceof ClientError) || error.status !== 401) throw error;
    throw new ClientError(`${new URL(origin).host} does not take this name and secret`, 401);
  }
}

interface MadeToken {
  readonly secret: string;
  readonly expiresAt: string | null;
}

/** A token in place of the password; null where there are none, or the secret is no password. */
async function exchange(host: string, origin: string, given: Basic): Promise<MadeToken | null> {
  if (!(await isBerth(host, origin))) return null;
  const isToken = ["berth_pat_", "berth_robot_"] as const;
  if (isToken.some((prefix) => looksLikeSecret(given.secret, prefix))) {
    return { secret: given.secret, expiresAt: null };
  }
  const send = sendTo({ host, origin, signIn: given, env: clientEnvironment() });
  const description = `berth login on ${hostname()}`;
  try {
    const answer = await send("POST", "/api/v1/account/tokens", { description });
    const { token, expires_at } = (await answer.json()) as TokenAnswer;
    return { secret: token, expiresAt: expires_at };
  } catch (error) {
    // An identity token of a CI job is no password, and who brings it has no account.
    if (error instanceof CallError && error.status === 403) {
      return { secret: given.secret, expiresAt: null };
    }
    throw error;
  }
}

/** Asked by nobody: another registry must not see the password where it does not expect it. */
async function isBerth(host: string, origin: string): Promise<boolean> {
  const send = sendTo({ host, origin, signIn: null, env: clientEnvironment() });
  try {
    const answer = await send("GET", "/api/v1/openapi.json");
    const { info } = (await answer.json()) as { info?: { title?: unknown } };
    return info?.title === "Berth";
  } catch (error) {
    if (error instanceof CallError || error instanceof SyntaxError) return false;
    throw error;
  }
}
