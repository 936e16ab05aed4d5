import { describe, expect } from "bun:test";
import { registry } from "./berth.ts";
import { type Image, seed, smallImage } from "./content.ts";
import { crane } from "./crane.ts";
import { door } from "./door.ts";
import { oras } from "./oras.ts";
import { regctl } from "./regctl.ts";
import { containers } from "./storage.ts";
import { cell, inParallel, once } from "./support.ts";

const tagCount = 10_000;
const repositoryCount = 1_000;
const connections = 16;

const tagNames = Array.from({ length: tagCount }, (_, index) => `v${index}`).sort();

/** A repository with ten thousand tags, all pushed through the door. */
const manyTags = once(async (): Promise<string> => {
  const { host } = await registry();
  const direct = door(host);
  const image = smallImage();
  await seed(direct, "many/tags", tagNames[0] ?? "", image);
  await inParallel(tagCount, connections, async (index) => {
    await direct.pushManifest("many/tags", tagNames[index] ?? "", image.text);
  });
  return `${host}/many/tags`;
});

function repositoryName(index: number): string {
  return `many/repositories/r${String(index).padStart(4, "0")}`;
}

async function seedRepository(index: number, image: Image): Promise<void> {
  const { host } = await registry();
  await seed(door(host), repositoryName(index), "1", image);
}

const manyRepositories = once(async (): Promise<void> => {
  const image = smallImage();
  await inParallel(repositoryCount, connections, (index) => seedRepository(index, image));
});

function expectAllTags(listed: readonly string[]): void {
  expect(listed).toHaveLength(tagCount);
  expect(listed.toSorted()).toEqual(tagNames);
}

function linesOf(text: string): string[] {
  return text.trim().split("\n");
}

describe("10,000 tags", () => {
  cell("10,000 tags", "push", { needs: [] }, async () => {
    await manyTags();
    const { host } = await registry();
    const listed = await door(host).tags("many/tags");
    expectAllTags(listed);
    expect(listed).toEqual(listed.toSorted());
  });

  cell("10,000 tags", "crane ls", { needs: ["crane"] }, async () => {
    expectAllTags(linesOf(await crane("ls", await manyTags())));
  });

  cell("10,000 tags", "regctl tag ls", { needs: ["regctl"] }, async () => {
    const { host } = await registry();
    expectAllTags(linesOf(await regctl(host, "tag", "ls", await manyTags())));
  });

  cell("10,000 tags", "skopeo list-tags", { needs: ["skopeo"] }, async () => {
    const list = ["skopeo", "list-tags", "--tls-verify=false", `docker://${await manyTags()}`];
    expectAllTags((JSON.parse(await containers(list)) as { Tags: string[] }).Tags);
  });

  cell("10,000 tags", "oras", { needs: ["oras-python"] }, async () => {
    expectAllTags(await oras<string[]>("tags", await manyTags()));
  });
});

describe("1,000 repositories", () => {
  cell("1,000 repositories", "push", { needs: [] }, manyRepositories);

  const wanted = Array.from({ length: repositoryCount }, (_, index) => repositoryName(index));
  const ours = (text: string) =>
    linesOf(text).filter((name) => name.startsWith("many/repositories/"));

  cell("1,000 repositories", "crane catalog", { needs: ["crane"] }, async () => {
    await manyRepositories();
    const { host } = await registry();
    expect(ours(await crane("catalog", host))).toEqual(wanted);
  });

  cell("1,000 repositories", "regctl repo ls", { needs: ["regctl"] }, async () => {
    await manyRepositories();
    const { host } = await registry();
    const page = ["repo", "ls", "--limit", "600", "--last"];
    const first = await regctl(host, ...page, "many/q", host);
    const second = await regctl(host, ...page, linesOf(first).at(-1) ?? "", host);
    expect(ours(`${first}\n${second}`)).toEqual(wanted);
  });
});
