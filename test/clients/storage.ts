import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loginWith, type SignedIn, signsIn } from "./sign-in.ts";
import { folder, once, type RunOptions, run } from "./support.ts";

/** Settings for podman, buildah and skopeo: image stores of the test's own, and no registry by default. */
export const containerSettings = once(async (): Promise<Record<string, string>> => {
  const home = await folder("containers");
  const storage = join(home, "storage.conf");
  const registries = join(home, "registries.conf");
  await writeFile(
    storage,
    `[storage]\ndriver = "vfs"\ngraphroot = "${home}/graph"\nrunroot = "${home}/run"\n`,
  );
  await writeFile(registries, "unqualified-search-registries = []\n");
  const policy = join(home, "containers.conf");
  await writeFile(policy, '[engine]\nevents_logger = "none"\ncgroup_manager = "cgroupfs"\n');
  return {
    CONTAINERS_STORAGE_CONF: storage,
    CONTAINERS_REGISTRIES_CONF: registries,
    CONTAINERS_CONF: policy,
  };
});

const signIns = new Map(
  ["podman", "buildah", "skopeo"].map((program): [string, SignedIn] => [
    program,
    signsIn(program, {
      environment: (home) => ({ REGISTRY_AUTH_FILE: join(home, "auth.json") }),
      login: async (host, account, env) => {
        const flags = ["--tls-verify=false", "--username", account.name, "--password-stdin"];
        const login = loginWith(() => [program, "login", ...flags, host]);
        return await login(host, account, { ...(await containerSettings()), ...env });
      },
    }),
  ]),
);

/** The environment of podman, buildah or skopeo where it never signed in anywhere. */
export async function nobody(program: string): Promise<Record<string, string>> {
  const env = { ...(await containerSettings()), ...(await signIns.get(program)?.nowhere()) };
  // Without the file they complain about that, before they ask the registry.
  await writeFile(env["REGISTRY_AUTH_FILE"] ?? "", "{}");
  return env;
}

/** Runs podman, buildah or skopeo; gives what it printed. */
export async function containers(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const signedIn = await signIns.get(argv[0] ?? "")?.at(argv);
  const env = { ...(await containerSettings()), ...signedIn, ...options.env };
  return (await run(argv, { ...options, env })).stdout;
}
