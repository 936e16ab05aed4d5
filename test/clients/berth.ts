import { join } from "node:path";
import { daemon, folder, freePort, NotRun, once, run } from "./support.ts";

export interface RunningRegistry {
  /** `127.0.0.1:port`, as clients name it. */
  readonly host: string;
  /** The name and port under which nginx serves it with TLS. */
  readonly publicName: string;
  readonly tlsPort: number;
  /** Its data folder; null for a registry that somebody else started. */
  readonly data: string | null;
}

const projectFolder = join(import.meta.dir, "..", "..");

/**
 * The registry that all clients talk to: Berth on a free port with a folder of its own, or the one that
 * listens on BERTH_TEST_REGISTRY (host:port).
 */
export const registry = once(async (): Promise<RunningRegistry> => {
  const tlsPort = freePort();
  const publicName = `registry.test:${tlsPort}`;
  const running = process.env["BERTH_TEST_REGISTRY"];
  if (running !== undefined) return { host: running, publicName, tlsPort, data: null };
  const data = await folder("berth-data");
  const host = `127.0.0.1:${freePort()}`;
  const answers = async () => (await fetch(`http://${host}/v2/`)).status === 200;
  await daemon("berth", [process.execPath, "src/main.ts", "serve"], answers, {
    cwd: projectFolder,
    env: {
      BERTH_LISTEN: host,
      BERTH_DATA: data,
      BERTH_OPEN: "1",
      BERTH_URL: `https://${publicName}`,
      BERTH_TRUSTED_PROXIES: "127.0.0.1",
    },
  });
  return { host, publicName, tlsPort, data };
});

/** What `berth verify` says of everything that the clients left, asked while the registry runs. */
export async function verifyStored(): Promise<string> {
  const { data } = await registry();
  if (data === null) throw new NotRun("the registry is not one that the tests started");
  const argv = [process.execPath, "src/main.ts", "verify", "--data", data];
  return (await run(argv, { cwd: projectFolder })).stdout;
}
