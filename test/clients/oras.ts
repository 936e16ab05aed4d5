import { describe, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { seed, smallImage } from "./content.ts";
import { digestOf, door } from "./door.ts";
import { loginWith, refusedCell, signsIn } from "./sign-in.ts";
import { cell, folder, run } from "./support.ts";

/** A Python that has the oras package. */
const python = "oras-python";
const needs = [python];

const script = join(import.meta.dir, "oras_client.py");

const signIn = signsIn("oras", {
  // It looks for docker's file only at home.
  environment: (home) => ({ HOME: home }),
  login: loginWith((host, name) => [python, script, "login", host, name]),
});

export async function oras<T>(...argv: string[]): Promise<T> {
  const options = { cwd: await folder("oras"), env: await signIn.at(argv) };
  const { stdout } = await run([python, script, ...argv], options);
  return JSON.parse(stdout) as T;
}

async function newFile(name: string, bytes: number): Promise<string> {
  const path = join(await folder("oras"), name);
  await writeFile(path, randomBytes(bytes));
  return path;
}

describe("oras", () => {
  cell("oras", "push", { needs }, async () => {
    const { host } = await registry();
    const file = await newFile("artifact", 3_000_000);
    const digest = await oras<string>("push", `${host}/oras/pushed:1`, file);
    const stored = await door(host).readBack("oras/pushed", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.manifest.layers?.[0]?.digest).toBe(digestOf(await readFile(file)));
  });

  cell("oras", "push in chunks", { needs }, async () => {
    const { host } = await registry();
    const file = await newFile("chunked", 50_000_000);
    const digest = await oras<string>("push", `${host}/oras/chunked:1`, file, "chunked");
    const stored = await door(host).readBack("oras/chunked", "1");
    expect(stored.digest).toBe(digest);
    expect(stored.manifest.layers?.[0]?.digest).toBe(digestOf(await readFile(file)));
  });

  cell("oras", "pull", { needs }, async () => {
    const { host } = await registry();
    const file = await newFile("pulled", 1_000_000);
    await oras("push", `${host}/oras/pulled:1`, file);
    const target = await folder("oras/target");
    const [path = ""] = await oras<string[]>("pull", `${host}/oras/pulled:1`, target);
    expect(digestOf(await readFile(path))).toBe(digestOf(await readFile(file)));
  });

  refusedCell(
    "oras",
    { needs },
    {
      pull: (repository) => [python, script, "pull", `${repository}:1`, "."],
      env: signIn.nowhere,
      says: /Unauthorized|authentication required/i,
    },
  );

  cell("oras", "list", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    for (const tag of ["b", "a", "c"]) await seed(door(host), "oras/listed", tag, image);
    expect(await oras<string[]>("tags", `${host}/oras/listed`)).toEqual(["a", "b", "c"]);
  });

  cell("oras", "delete", { needs }, async () => {
    const { host } = await registry();
    await seed(door(host), "oras/deleted", "1", smallImage());
    expect(await oras<boolean>("delete", `${host}/oras/deleted`, "1")).toBe(true);
    expect(await door(host).manifestStatus("oras/deleted", "1")).toBe(404);
  });

  cell("oras", "referrers", { needs }, async () => {
    const { host } = await registry();
    const image = smallImage();
    await seed(door(host), "oras/subject", "1", image);
    const { digest, size } = image.descriptor;
    const file = await newFile("note", 1000);
    const target = `${host}/oras/subject:note`;
    const attached = await oras<string>("attach", target, digest, String(size), file);
    const found = await door(host).referrers("oras/subject", digest);
    expect(found.map((referrer) => referrer.digest)).toEqual([attached]);
  });
});
