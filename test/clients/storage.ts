import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder, once, type RunOptions, run } from "./support.ts";

/** Settings for podman, buildah and skopeo: image stores of the test's own, and no registry by default. */
const settings = once(async (): Promise<Record<string, string>> => {
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

/** Runs podman, buildah or skopeo; gives what it printed. */
export async function containers(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const env = { ...(await settings()), ...options.env };
  return (await run(argv, { ...options, env })).stdout;
}
