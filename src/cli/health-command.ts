import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, listenerHere, loadConfig } from "../platform/config.ts";
import { type Command, listenerPath, UsageError } from "./command.ts";

/** Docker gives a health check 30 seconds by default; who answers at all answers at once. */
const answerMsMax = 5_000;

const retryMs = 100;
const waitSecondsMax = 3_600;

/** `berth health`: what `/readyz` says, for containers, which have no curl, and for units that wait for it. */
export const healthCommand: Command = {
  name: "health",
  summary: "Ask the server of this machine whether it is ready; exit code 0 means yes.",
  flags: ["listen", "data", "config"],
  own: [{ name: "wait", value: "seconds", summary: "ask again for so long, until it is" }],
  details:
    "Where --listen says, else where the server of the data folder listens, else where BERTH_LISTEN or the file says.",
  async run(flags, _words, { controlPath }) {
    const { config } = loadConfig(flags, undefined, readIfAllowed);
    const deadline = performance.now() + waitSeconds(flags["wait"]) * 1000;
    const look = () => askServerOf(config, controlPath(config));
    let answer = await look();
    while (!answer.isReady && performance.now() < deadline) {
      await Bun.sleep(retryMs);
      answer = await look();
    }
    if (answer.isReady) console.log(answer.text);
    else console.error(answer.text);
    return answer.isReady ? 0 : 1;
  },
};

/** systemd shows secrets to the service alone, and none of them is needed to ask. */
function readIfAllowed(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function waitSeconds(flag: unknown): number {
  if (flag === undefined) return 0;
  const seconds = Number(flag);
  if (/^\d+$/.test(String(flag)) && seconds <= waitSecondsMax) return seconds;
  throw new UsageError(`--wait ${flag} must be a number of seconds up to ${waitSecondsMax}`);
}

interface Answer {
  readonly isReady: boolean;
  readonly text: string;
}

/** The server of the folder may have been told another address than this command; at the default one may be another. */
async function askServerOf(config: Config, unix: string): Promise<Answer> {
  const from = config.sources.find(({ key }) => key === "listen")?.from;
  const told = from === "flag" ? null : await toldListener(config.data, unix);
  if (told?.kind === "none" && from === "default") {
    const text = `No server answers on ${config.data}: it does not run, or is still starting.`;
    return { isReady: false, text };
  }
  return await ask(`${told?.kind === "at" ? told.origin : listenerHere(config)}/readyz`);
}

type Told = { readonly kind: "at"; readonly origin: string } | { readonly kind: "none" };

/** What the server of the folder says; null where nobody may ask it, or it is too old to say. */
async function toldListener(data: string, unix: string): Promise<Told | null> {
  // Some folder of that name, or one into which nobody may look.
  if (!existsSync(join(data, "berth.lock"))) return null;
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const answer = await fetch(`http://berth${listenerPath}`, { unix, signal });
    if (answer.status === 404) return null;
    return answer.ok ? { kind: "at", origin: await answer.text() } : { kind: "none" };
  } catch {
    return existsSync(unix) && !isWritable(unix) ? null : { kind: "none" };
  }
}

async function ask(address: string): Promise<Answer> {
  try {
    const response = await fetch(address, {
      // The certificate has the public name, which is not what this asks for.
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(answerMsMax),
    });
    return { isReady: response.ok, text: (await response.text()).trim() };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    const why = typeof code === "string" ? code : message;
    return { isReady: false, text: `No answer from ${address}: ${why}` };
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
