import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { daemon, folder, NotRun, run } from "./support.ts";

export const dockerdNeeds = ["docker", "dockerd", "unshare"];

export interface Trusted {
  /** `name:port` of a registry. */
  readonly registry: string;
  /** The authority that signed its certificate. */
  readonly caFile: string;
}

/** The names that programs in a namespace of the test's own know. */
export const hostsFile = "127.0.0.1 localhost\n::1 localhost registry.test\n";

/**
 * Starts a dockerd of the test's own; gives its address. It gets a mount namespace in which the names
 * above are this machine and may have a certificate authority, because docker never verifies a registry
 * on 127.0.0.0/8.
 */
export async function startDockerd(name: string, trusted: Trusted | null): Promise<string> {
  if (process.getuid?.() !== 0) throw new NotRun("dockerd needs root");
  const home = await folder(name);
  const socket = `unix://${home}/docker.sock`;
  await writeFile(join(home, "hosts"), hostsFile);
  await writeFile(join(home, "daemon.json"), "{}");
  const prepare = [
    `mount --bind ${home}/hosts /etc/hosts`,
    "mkdir -p /etc/docker",
    "mount -t tmpfs tmpfs /etc/docker",
    ...(trusted === null
      ? []
      : [
          `mkdir -p /etc/docker/certs.d/${trusted.registry}`,
          `cp ${trusted.caFile} /etc/docker/certs.d/${trusted.registry}/ca.crt`,
        ]),
  ];
  const serve = [
    `exec dockerd --host=${socket} --data-root=${home}/data --exec-root=${home}/exec`,
    `--pidfile=${home}/pid --config-file=${home}/daemon.json`,
    "--iptables=false --bridge=none --storage-driver=vfs",
  ].join(" ");
  const script = [...prepare, serve].join(" && ");
  const answers = async () => {
    await run(["docker", "--host", socket, "version"]);
    return true;
  };
  await daemon(name, ["unshare", "--mount", "sh", "-c", script], answers, { readySeconds: 60 });
  return socket;
}
