import { describe, expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { debianImage, layoutTar, multiPlatform, seed, smallImage } from "./content.ts";
import { door, type Manifest } from "./door.ts";
import { proxy } from "./proxy.ts";
import { refusedCell, signsIn } from "./sign-in.ts";
import { cell, folder, run, workspace } from "./support.ts";

const needs = ["regctl"];

const plain = (host: string) => ["--host", `reg=${host},tls=disabled`];

const signIn = signsIn("regctl", {
  environment: (home) => ({ REGCTL_CONFIG: join(home, "config.json"), DOCKER_CONFIG: home }),
  async login(host, account, env) {
    const { name, password } = account;
    await run(["regctl", "registry", "set", "--tls", "disabled", "--skip-check", host], { env });
    const login = ["regctl", "registry", "login", host, "--user", name, "--pass-stdin"];
    await run(login, { env, stdin: password });
  },
});

/** regctl against a registry without TLS. */
export async function regctl(host: string, ...argv: string[]): Promise<string> {
  const env = await signIn.at([host]);
  return (await run(["regctl", ...plain(host), ...argv], { env })).stdout.trim();
}

describe("regctl", () => {
  cell("regctl", "push", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    const tar = await layoutTar("regctl-pushed", "1", image);
    await regctl(host, "image", "import", `${host}/regctl/pushed:1`, tar);
    expect((await door(host).readBack("regctl/pushed", "1")).text).toBe(image.text);
  });

  cell("regctl", "pull", { needs }, async () => {
    const { host } = await registry();
    const image = await debianImage();
    await seed(door(host), "regctl/pulled", "1", image);
    const layout = join(workspace, "regctl-pulled");
    await regctl(host, "image", "copy", `${host}/regctl/pulled:1`, `ocidir://${layout}:1`);
    const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as Manifest;
    expect(index.manifests?.[0]?.digest).toBe(image.descriptor.digest);
  });

  refusedCell(
    "regctl",
    { needs },
    {
      pull: (repository) => {
        const [host = ""] = repository.split("/");
        return ["regctl", ...plain(host), "manifest", "get", `${repository}:1`];
      },
      env: signIn.nowhere,
      says: /unauthorized/,
    },
  );

  cell("regctl", "multi-arch", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "regctl/index", "1", index);
    const platform = ["--platform", "linux/arm64"];
    const arm = await regctl(host, "image", "digest", ...platform, `${host}/regctl/index:1`);
    expect(arm).toBe(index.images[1]?.descriptor.digest ?? "");
    const refs = index.images.flatMap(({ descriptor }) => ["--digest", descriptor.digest]);
    await regctl(host, "index", "create", ...refs, `${host}/regctl/index:created`);
    await door(host).readBack("regctl/index", "created");
  });

  cell("regctl", "copy", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "regctl/original", "1", index);
    await regctl(host, "image", "copy", `${host}/regctl/original:1`, `${host}/regctl/copy:1`);
    expect((await door(host).readBack("regctl/copy", "1")).text).toBe(index.text);
  });

  cell("regctl", "mount", { needs: [...needs, "nginx", "openssl"] }, async () => {
    const { plainHost, mounted } = await proxy();
    const direct = door((await registry()).host);
    const image = smallImage();
    await seed(direct, "regctl/mount-from", "1", image);
    const from = `${plainHost}/regctl/mount-from:1`;
    await regctl(plainHost, "image", "copy", from, `${plainHost}/regctl/mount-to:1`);
    expect(await mounted("regctl/mount-to")).toBe(3);
    expect((await direct.readBack("regctl/mount-to", "1")).text).toBe(image.text);
  });

  cell("regctl", "list", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    for (const tag of ["b", "a", "c"]) await seed(door(host), "regctl/listed", tag, image);
    const tags = await regctl(host, "tag", "ls", `${host}/regctl/listed`);
    expect(tags.split("\n")).toEqual(["a", "b", "c"]);
    const page = await regctl(
      host,
      "tag",
      "ls",
      "--limit",
      "1",
      "--last",
      "a",
      `${host}/regctl/listed`,
    );
    expect(page).toBe("b");
    expect((await regctl(host, "repo", "ls", host)).split("\n")).toContain("regctl/listed");
  });

  cell("regctl", "delete", { needs }, async () => {
    const { host } = await registry();
    const repository = door(host);
    const image = smallImage();
    for (const tag of ["1", "2"]) await seed(repository, "regctl/deleted", tag, image);
    await regctl(host, "tag", "delete", `${host}/regctl/deleted:1`);
    expect(await repository.manifestStatus("regctl/deleted", "1")).toBe(404);
    expect((await repository.readBack("regctl/deleted", "2")).text).toBe(image.text);
    await regctl(host, "manifest", "delete", `${host}/regctl/deleted@${image.descriptor.digest}`);
    expect(await repository.manifestStatus("regctl/deleted", "2")).toBe(404);
  });

  cell("regctl", "referrers", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    await seed(door(host), "regctl/subject", "1", image);
    const subject = `${host}/regctl/subject:1`;
    const home = await folder("regctl");
    for (const kind of ["report", "sbom"]) {
      const file = join(home, kind);
      await writeFile(file, `a ${kind}\n`);
      const type = `application/vnd.example.${kind}`;
      await regctl(
        host,
        "artifact",
        "put",
        "--artifact-type",
        type,
        "--subject",
        subject,
        "-f",
        file,
      );
    }
    const found = await door(host).referrers("regctl/subject", image.descriptor.digest);
    expect(found.map(({ artifactType }) => artifactType).sort()).toEqual([
      "application/vnd.example.report",
      "application/vnd.example.sbom",
    ]);
    const filter = ["--filter-artifact-type", "application/vnd.example.sbom"];
    const listed = await regctl(
      host,
      "artifact",
      "list",
      ...filter,
      "--format",
      "{{json .}}",
      subject,
    );
    const { descriptors } = JSON.parse(listed) as { descriptors: { digest: string }[] };
    const sbom = found.find(({ artifactType }) => artifactType?.endsWith("sbom"));
    expect(descriptors.map(({ digest }) => digest)).toEqual([sbom?.digest ?? ""]);
    expect(await regctl(host, "artifact", "get", ...filter, "--subject", subject)).toBe("a sbom");
    // regctl writes a fallback tag only for a registry that does not answer for referrers itself.
    expect(await door(host).tags("regctl/subject")).toEqual(["1"]);
  });

  cell("regctl", "copy with referrers", { needs }, async () => {
    const { host } = await registry();
    const index = multiPlatform();
    await seed(door(host), "regctl/with", "1", index);
    const file = join(await folder("regctl"), "note");
    await writeFile(file, "a note\n");
    const put = ["artifact", "put", "--artifact-type", "application/vnd.example.note"];
    await regctl(host, ...put, "--subject", `${host}/regctl/with:1`, "-f", file);
    const copy = ["image", "copy", "--referrers"];
    await regctl(host, ...copy, `${host}/regctl/with:1`, `${host}/regctl/with-copy:1`);
    const { digest } = index.descriptor;
    const copies = await door(host).referrers("regctl/with-copy", digest);
    expect(copies).toEqual(await door(host).referrers("regctl/with", digest));
    expect(copies).toHaveLength(1);
  });
});
