import { type Config, formatAddress, loadConfig } from "../platform/config.ts";
import type { Command } from "./command.ts";

/** Docker gives a health check 30 seconds by default; who answers at all answers at once. */
const answerMsMax = 5_000;

/** `berth health`: what `/readyz` says, for containers, which have no curl. */
export const healthCommand: Command = {
  name: "health",
  summary: "Ask the server of this machine whether it is ready; exit code 0 means yes.",
  flags: ["listen", "data", "config"],
  async run(flags) {
    const { config } = loadConfig(flags);
    const address = addressOf(config);
    try {
      const response = await fetch(address, {
        // The certificate has the public name, which is not what this asks for.
        tls: { rejectUnauthorized: false },
        signal: AbortSignal.timeout(answerMsMax),
      });
      const answer = (await response.text()).trim();
      console.log(answer);
      return response.ok ? 0 : 1;
    } catch (error) {
      const { code, message } = error as Error & { code?: unknown };
      console.error(`No answer from ${address}: ${typeof code === "string" ? code : message}`);
      return 1;
    }
  },
};

function addressOf({ listen, tls }: Config): string {
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const host = everywhere[listen.host] ?? listen.host;
  return `${tls === null ? "http" : "https"}://${formatAddress({ ...listen, host })}/readyz`;
}
