import type { Config } from "../platform/config.ts";
import type { Sender } from "./format.ts";

/** What messages call this registry: its public address, or where it listens. */
export function senderOf({ url, listen, tls }: Config): Sender {
  if (url !== null) return { origin: url, host: new URL(url).host };
  const address = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const host = `${address}:${listen.port}`;
  return { origin: `${tls === null ? "http" : "https"}://${host}`, host };
}
