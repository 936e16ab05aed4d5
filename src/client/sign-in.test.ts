import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dropSignIn, keepSignIn, readSignIn } from "./sign-in.ts";

const host = "registry.example:5000";
const anna = { kind: "basic", name: "anna", secret: "a:b c" } as const;
const auth = Buffer.from("anna:a:b c").toString("base64");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-sign-in-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const places = () => ({
  dockerFolder: join(folder, "docker"),
  podmanFiles: [join(folder, "run.json"), join(folder, "home.json")],
  programPath: folder,
  configFolder: join(folder, "berth"),
});

function docker(config: object): void {
  mkdirSync(join(folder, "docker"), { recursive: true });
  writeFileSync(join(folder, "docker", "config.json"), JSON.stringify(config));
}

/** A helper that keeps one sign-in in a file, and says what docker's own say where it has none. */
function helper(name: string): string {
  const kept = join(folder, `${name}.kept`);
  const program = join(folder, `docker-credential-${name}`);
  writeFileSync(
    program,
    `#!/bin/sh
case "$1" in
  get) cat > /dev/null; if [ -f ${kept} ]; then cat ${kept}; else echo "credentials not found in native keychain"; exit 1; fi ;;
  store) cat > ${kept} ;;
  erase) cat > /dev/null; rm -f ${kept} ;;
esac
`,
  );
  chmodSync(program, 0o755);
  return kept;
}

describe("a sign-in is read", () => {
  test.each([
    ["as docker writes it", { [host]: { auth } }],
    ["as older versions wrote it", { [`https://${host}/v1/`]: { auth } }],
    ["in two fields", { [host]: { username: "anna", password: "a:b c" } }],
  ])("%s", async (_title, auths) => {
    docker({ auths });
    expect(await readSignIn(places(), host)).toEqual(anna);
    expect(await readSignIn(places(), "other.example")).toBeNull();
  });

  test("of docker's own registry, under its old address", async () => {
    docker({ auths: { "https://index.docker.io/v1/": { auth } } });
    expect(await readSignIn(places(), "docker.io")).toEqual(anna);
  });

  test("that is an identity token", async () => {
    docker({ auths: { [host]: { auth, identitytoken: "t" } } });
    expect(await readSignIn(places(), host)).toEqual({ kind: "identity", token: "t" });
  });

  test("of podman, the nearest to the repository first", async () => {
    const of = (name: string) => ({ auth: Buffer.from(`${name}:s`).toString("base64") });
    writeFileSync(
      join(folder, "home.json"),
      JSON.stringify({ auths: { [host]: of("all"), [`${host}/team`]: of("team") } }),
    );
    const nameOf = async (repository: string) => {
      const found = await readSignIn(places(), host, repository);
      return found?.kind === "basic" ? found.name : null;
    };
    expect(await nameOf("team/app")).toBe("team");
    expect(await nameOf("teams/app")).toBe("all");
    writeFileSync(join(folder, "run.json"), JSON.stringify({ auths: { [host]: of("run") } }));
    expect(await nameOf("team/app")).toBe("run");
  });

  test("from the helper of the host before that of all, and before the file", async () => {
    const own = helper("own");
    helper("all");
    docker({ credsStore: "all", credHelpers: { [host]: "own" }, auths: { [host]: { auth } } });
    expect(await readSignIn(places(), host)).toEqual(anna);
    writeFileSync(own, JSON.stringify({ ServerURL: host, Username: "<token>", Secret: "t" }));
    expect(await readSignIn(places(), host)).toEqual({ kind: "identity", token: "t" });
  });

  test("not from what is broken: that is said", async () => {
    mkdirSync(join(folder, "docker"));
    writeFileSync(join(folder, "docker", "config.json"), "{");
    const error = await readSignIn(places(), host).catch((thrown: Error) => thrown);
    expect(String(error)).toEndWith("config.json is not a JSON object");
    docker({ credsStore: "no-such-helper" });
    const missing = await readSignIn(places(), host).catch((thrown: Error) => thrown);
    expect(String(missing)).toContain("there is no docker-credential-no-such-helper here");
  });
});

describe("a sign-in is kept", () => {
  test("in docker's file, beside all else that is in it, for nobody else to read", async () => {
    docker({ auths: { other: { auth: "x" } }, proxies: { default: {} } });
    const file = await keepSignIn(places(), host, anna);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      auths: { other: { auth: "x" }, [host]: { auth } },
      proxies: { default: {} },
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await dropSignIn(places(), host)).toBe(true);
    expect(await dropSignIn(places(), host)).toBe(false);
    expect(JSON.parse(readFileSync(file, "utf8")).auths).toEqual({ other: { auth: "x" } });
  });

  test("by docker's helper where there is one", async () => {
    const kept = helper("all");
    docker({ credsStore: "all" });
    expect(await keepSignIn(places(), host, anna)).toBe("docker-credential-all");
    expect(JSON.parse(readFileSync(kept, "utf8"))).toEqual({
      ServerURL: host,
      Username: "anna",
      Secret: "a:b c",
    });
    expect(await readSignIn(places(), host)).toEqual(anna);
    expect(await dropSignIn(places(), host)).toBe(true);
    expect(await readSignIn(places(), host)).toBeNull();
  });
});
