import { readFileSync } from "node:fs";
import { type Config, formatAddress, loadConfig } from "../platform/config.ts";
import { type Command, UsageError } from "./command.ts";

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
  async run(flags) {
    const { config } = loadConfig(flags, undefined, readIfAllowed);
    const deadline = performance.now() + waitSeconds(flags["wait"]) * 1000;
    let answer = await ask(addressOf(config));
    while (!answer.isReady && performance.now() < deadline) {
      await Bun.sleep(retryMs);
      answer = await ask(addressOf(config));
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

async function ask(address: string): Promise<{ isReady: boolean; text: string }> {
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

function addressOf({ listen, tls }: Config): string {
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = everywhere[listen.host] ?? listen.host;
  return `${tls === null ? "http" : "https"}://${formatAddress({ ...listen, host })}/readyz`;
}
