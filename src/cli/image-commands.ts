import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { archiveKind } from "../client/archive-kind.ts";
import { choosePlatforms } from "../client/choose-platforms.ts";
import { ClientError } from "../client/client-error.ts";
import { type Connections, createConnections } from "../client/connections.ts";
import { copyImage } from "../client/copy-image.ts";
import { homeHost } from "../client/home-host.ts";
import { type HostAddress, parseHost } from "../client/host-address.ts";
import { type ImagePlace, parseImagePlace, parseRegistryPlace } from "../client/image-place.ts";
import type { ImageTarget } from "../client/image-store.ts";
import { openSource, openTarget, repositoryAt } from "../client/open-store.ts";
import { type Platform, parsePlatform } from "../client/platform.ts";
import { listRepositories } from "../client/remote-repository.ts";
import { systemClock } from "../lib/clock.ts";
import { clientEnvironment } from "../platform/client-environment.ts";
import { plain } from "./answer-text.ts";
import { type Command, type OwnFlag, type OwnFlags, UsageError } from "./command.ts";
import { EXIT_CODES, explainFailure } from "./exit-codes.ts";
import { outputFlags, outputForm, printAnswer, printList } from "./output.ts";
import { hostFlag } from "./place.ts";
import { createTransferDisplay, megabytes } from "./transfer-display.ts";

const platformFlag: OwnFlag = {
  name: "platform",
  value: "os/arch,...",
  repeats: true,
  summary: "only what is for these, such as linux/arm64; else all",
};
const referrersFlag: OwnFlag = {
  name: "referrers",
  summary: "also what refers to it: signatures, SBOMs, attestations",
};
const copyFlags = [platformFlag, referrersFlag, hostFlag, ...outputFlags];

const placesHelp = [
  "An image is HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST, oci:FOLDER[:NAME] (an OCI image layout),",
  "oci-archive:FILE[:NAME] or docker-archive:FILE[:NAME] (of docker save). Without HOST it is at the Berth that",
  "berth context use chose. Sign-ins are those of docker and podman. Every byte is checked against its digest.",
].join("\n");

const cp: Command = {
  name: "cp",
  summary: "Copy an image from any registry, layout or archive to any other.",
  flags: [],
  own: copyFlags,
  words: "<source> <target>",
  wordsHelp: [
    {
      name: "<source>",
      summary: "such as docker.io/library/alpine:3.22, oci:folder, docker-archive:app.tar",
    },
    { name: "<target>", summary: "the same; without a tag or name it gets that of the source" },
  ],
  details: [
    placesHelp,
    "Interrupted (Ctrl-C, a crash), the same command goes on where it was.",
  ].join("\n"),
  examples: [
    "berth cp docker.io/library/alpine:3.22 registry.example/mirror/alpine",
    "berth cp registry.example/team/app:v1 other.example/team/app:v1 --referrers",
    "berth cp registry.example/team/app:v1 docker-archive:app.tar:team/app:v1 --platform linux/amd64",
  ],
  run: (flags, words) =>
    run(flags, words, async ({ connections, home }) => {
      const [from, to = ""] = named(words, 2, "berth cp SOURCE TARGET");
      return await copy(connections, placeOf(from, home), placeOf(to, home), flags);
    }),
};

const pull: Command = {
  name: "pull",
  summary: "Copy an image into a folder (an OCI image layout) or an archive (.tar).",
  flags: [],
  own: copyFlags,
  words: "<image> [target]",
  wordsHelp: [
    {
      name: "[target]",
      summary: "a folder, or a file that ends in .tar; else a folder named like the image",
    },
  ],
  details: placesHelp,
  examples: ["berth pull registry.example/team/app:v1", "berth pull team/app:v1 app.tar"],
  run: (flags, words) =>
    run(flags, words, async ({ connections, home }) => {
      const [image, path] = named(words, 1, "berth pull IMAGE [TARGET]");
      const source = { kind: "registry", ...parseRegistryPlace(image, home) } as const;
      const target = path ?? basename(source.repository);
      const kind = target.endsWith(".tar") ? "oci-archive" : "layout";
      const isPlain = !/^[a-z-]+:/.test(target);
      const place = isPlain ? ({ kind, path: target, name: null } as const) : placeOf(target, home);
      return await copy(connections, source, place, flags);
    }),
};

const push: Command = {
  name: "push",
  summary: "Copy an image from a folder (an OCI image layout) or an archive to a registry.",
  flags: [],
  own: copyFlags,
  words: "<source> <image>",
  wordsHelp: [{ name: "<source>", summary: "a folder or a .tar, or any other source of berth cp" }],
  details: placesHelp,
  examples: ["berth push app.tar registry.example/team/app:v1"],
  run: (flags, words) =>
    run(flags, words, async ({ connections, home }) => {
      const [path, image = ""] = named(words, 2, "berth push SOURCE IMAGE");
      const target = { kind: "registry", ...parseRegistryPlace(image, home) } as const;
      return await copy(connections, sourceAt(path, home), target, flags);
    }),
};

const tags: Command = {
  name: "tags",
  summary: "List the tags of a repository of any registry.",
  flags: [],
  own: [hostFlag, ...outputFlags],
  words: "<repository>",
  examples: ["berth tags registry.example/team/app", "berth tags docker.io/library/alpine -o name"],
  run: (flags, words) =>
    run(flags, words, async ({ connections, home }) => {
      const [text] = named(words, 1, "berth tags REPOSITORY");
      const repository = await repositoryAt(parseRegistryPlace(text, home), connections);
      return await printNames(repository.tags(), flags);
    }),
};

const ls: Command = {
  name: "ls",
  summary: "List the repositories of any registry, as far as one may see them.",
  flags: [],
  own: [hostFlag, ...outputFlags],
  words: "[host]",
  examples: ["berth ls registry.example", "berth ls -o name"],
  run: (flags, words) =>
    run(flags, words, async ({ connections, home }) => {
      const [text] = words;
      const address = text === undefined ? home : parseHost(text);
      if (address === null) throw new UsageError("Name a host: berth ls registry.example.");
      return await printNames(listRepositories(await connections.to(address)), flags);
    }),
};

const digest: Command = {
  name: "digest",
  summary: "Print the digest of an image, in any registry, layout or archive.",
  flags: [],
  own: [platformFlag, hostFlag],
  words: "<image>",
  examples: ["berth digest docker.io/library/alpine:3.22 --platform linux/arm64"],
  run: (flags, words) =>
    run(flags, words, async (client) => {
      console.log((await manifestOf(client, words, flags, "digest")).digest);
      return EXIT_CODES.ok.code;
    }),
};

const manifest: Command = {
  name: "manifest",
  summary: "Print the manifest of an image as it is stored, byte for byte.",
  flags: [],
  own: [platformFlag, hostFlag],
  words: "<image>",
  examples: ["berth manifest registry.example/team/app:v1"],
  run: (flags, words) =>
    run(flags, words, async (client) => {
      process.stdout.write((await manifestOf(client, words, flags, "manifest")).bytes);
      return EXIT_CODES.ok.code;
    }),
};

export const imageCommands: readonly Command[] = [ls, tags, cp, pull, push, digest, manifest];

interface Client {
  readonly connections: Connections;
  /** Where names are that name no host. */
  readonly home: HostAddress | null;
}

export async function run(
  flags: OwnFlags,
  words: readonly string[],
  body: (client: Client) => Promise<number>,
): Promise<number> {
  try {
    const env = clientEnvironment();
    const said = flags["host"];
    const home = typeof said === "string" ? parseHost(said) : homeHost(env);
    if (typeof said === "string" && home === null) {
      throw new UsageError(`--host names no host: ${said}`);
    }
    return await body({ connections: createConnections(env, systemClock), home });
  } catch (error) {
    if (error instanceof Interrupted) {
      console.error("Interrupted. The same command goes on where it was.");
      return EXIT_CODES.interrupted.code;
    }
    return explainFailure(error, words);
  }
}

class Interrupted extends Error {}

/** As many words as are needed, of two at most. */
function named(words: readonly string[], needed: 1 | 2, usage: string) {
  const [first, second, ...more] = words;
  if (first === undefined || (needed === 2 && second === undefined) || more.length > 0) {
    throw new UsageError(`Say ${usage}.`);
  }
  return [first, second] as const;
}

function placeOf(text: string, home: HostAddress | null): ImagePlace {
  return parseImagePlace(text, home);
}

/** What is there as a file or folder is meant, whatever else the word might be. */
function sourceAt(text: string, home: HostAddress | null): ImagePlace {
  if (!existsSync(text)) return placeOf(text, home);
  const kind = statSync(text).isDirectory() ? "layout" : archiveKind(text);
  return { kind, path: text, name: null };
}

export function platformsOf(flags: OwnFlags): Platform[] {
  const texts = ((flags["platform"] ?? []) as readonly string[]).flatMap((text) => text.split(","));
  return texts.map((text) => {
    const platform = parsePlatform(text);
    if (platform === null) throw new UsageError(`--platform ${text} is not os/architecture.`);
    return platform;
  });
}

async function copy(
  connections: Connections,
  from: ImagePlace,
  to: ImagePlace,
  flags: OwnFlags,
): Promise<number> {
  const form = outputForm(flags);
  const platforms = platformsOf(flags);
  const name = nameFor(from, to);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new Interrupted());
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const source = await openSource(from, connections);
  const display = createTransferDisplay();
  let target: ImageTarget | null = null;
  try {
    target = await openTarget(to, from, connections);
    const report = await copyImage(source, target, {
      reference: referenceOf(from),
      name,
      platforms,
      withReferrers: flags["referrers"] === true,
      progress: display,
      signal: interruption.signal,
    });
    display.stop();
    const full = name === null ? `${target.name}@${report.digest}` : `${target.name}:${name}`;
    if (form === "table") {
      console.log(
        `Copied ${full} (${report.digest}): ${report.manifests} manifests, ${report.blobs} blobs, ${megabytes(report.bytes)} MB sent.`,
      );
    } else
      printAnswer({ name: `${target.name}@${report.digest}`, tag: name, ...report }, form, null);
    return EXIT_CODES.ok.code;
  } finally {
    display.stop();
    source.close();
    target?.close();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

function referenceOf(place: ImagePlace): string | null {
  if (place.kind === "registry") return place.digest ?? place.tag;
  return place.name;
}

/** Without one the target takes that of the source, as far as there may be such a tag. */
function nameFor(from: ImagePlace, to: ImagePlace): string | null {
  if (to.kind !== "registry") return to.name ?? (from.kind === "registry" ? from.tag : from.name);
  if (to.digest !== null) {
    throw new ClientError("a target takes no digest: it has that of the source", 400);
  }
  if (to.tag !== null) return to.tag;
  if (from.kind === "registry") return from.tag ?? (from.digest === null ? "latest" : null);
  return from.name === null || /[:/]/.test(from.name) ? "latest" : from.name;
}

async function manifestOf(
  { connections, home }: Client,
  words: readonly string[],
  flags: OwnFlags,
  command: string,
) {
  const [text, more] = named(words, 1, `berth ${command} IMAGE`);
  if (more !== undefined) throw new UsageError(`Say berth ${command} IMAGE.`);
  const place = placeOf(text, home);
  const source = await openSource(place, connections);
  try {
    const reference = referenceOf(place);
    const found = await source.manifest(reference);
    if (found === null) {
      throw new ClientError(`${source.name} has no ${reference ?? "such image"}`, 404);
    }
    return await choosePlatforms(source, found, platformsOf(flags));
  } finally {
    source.close();
  }
}

async function printNames(names: AsyncIterable<string>, flags: OwnFlags): Promise<number> {
  const form = outputForm(flags);
  if (form === "json") {
    const items: { name: string }[] = [];
    for await (const name of names) items.push({ name });
    printList({ items, next: null }, form);
  } else {
    for await (const name of names) console.log(plain(name));
  }
  return EXIT_CODES.ok.code;
}
