import { join } from "node:path";
import type { ClientEnvironment } from "../platform/client-environment.ts";
import { askHelper, clearHelper, tellHelper } from "./credential-helper.ts";
import { isRecord, type JsonRecord, readJsonFile, writeJsonFile } from "./json-file.ts";
import { eraseSecrets, readSecrets, writeSecrets } from "./kept-secrets.ts";

/** With what a client proves who it is. */
export type SignIn =
  | { readonly kind: "basic"; readonly name: string; readonly secret: string }
  /** A secret that needs no name. */
  | { readonly kind: "bearer"; readonly token: string }
  /** For the token service alone (RFC 6749 §1.5). */
  | { readonly kind: "identity"; readonly token: string };

/** Under this name docker keeps the sign-in of its own registry. */
const hubKey = "https://index.docker.io/v1/";

type Places = Pick<
  ClientEnvironment,
  "dockerFolder" | "podmanFiles" | "programPath" | "configFolder"
>;

/**
 * The sign-in that is kept for a host: docker's (its helper for the host, its store, its file), else
 * podman's, whose files may have one for a part of the repositories. Null for none.
 */
export async function readSignIn(
  places: Places,
  host: string,
  repository = "",
): Promise<SignIn | null> {
  for (const file of [dockerFile(places), ...places.podmanFiles]) {
    const found = await signInOf(readJsonFile(file), host, repository, places);
    if (found !== null) return found;
  }
  return null;
}

/** As a header of a request; null for what is no header. */
export function authorizationOf(signIn: SignIn | null): string | null {
  switch (signIn?.kind) {
    case "basic":
      return `Basic ${Buffer.from(`${signIn.name}:${signIn.secret}`, "utf8").toString("base64")}`;
    case "bearer":
      return `Bearer ${signIn.token}`;
    default:
      return null;
  }
}

/** A sign-in that docker can keep. */
export type KeptSignIn = Exclude<SignIn, { kind: "bearer" }>;

/** Keeps it where docker and podman look for it. Returns where that is, for people. */
export async function keepSignIn(
  places: Places,
  host: string,
  signIn: KeptSignIn,
): Promise<string> {
  const file = dockerFile(places);
  const config = readJsonFile(file);
  const helper = helperOf(config, host);
  if (helper !== null) {
    await tellKeeper(places, helper, host, signIn);
    return `docker-credential-${helper}`;
  }
  const auths = isRecord(config["auths"]) ? config["auths"] : {};
  auths[keyOf(host)] = authOf(signIn);
  writeJsonFile(file, { ...config, auths });
  return file;
}

/** Forgets what is kept for a host, in docker's settings and in podman's. False: there was nothing. */
export async function dropSignIn(places: Places, host: string): Promise<boolean> {
  let dropped = false;
  for (const file of [dockerFile(places), ...places.podmanFiles]) {
    const config = readJsonFile(file);
    const helper = helperOf(config, host);
    if (helper !== null) {
      dropped ||= (await askKeeper(places, helper, host)) !== null;
      await clearKeeper(places, helper, host);
    }
    const auths = config["auths"];
    if (!isRecord(auths)) continue;
    const keys = keysOf(host).filter((key) => key in auths);
    if (keys.length === 0) continue;
    for (const key of keys) delete auths[key];
    writeJsonFile(file, config);
    dropped = true;
  }
  return dropped;
}

function dockerFile({ dockerFolder }: Places): string {
  return join(dockerFolder, "config.json");
}

async function signInOf(
  config: JsonRecord,
  host: string,
  repository: string,
  places: Places,
): Promise<SignIn | null> {
  const helper = helperOf(config, host);
  const helped = helper === null ? null : await askKeeper(places, helper, host);
  if (helped !== null) return helped;
  const auths = isRecord(config["auths"]) ? config["auths"] : {};
  for (const key of [...pathsOf(host, repository), ...keysOf(host)]) {
    const entry = auths[key];
    const found = isRecord(entry) ? entryOf(entry) : null;
    if (found !== null) return found;
  }
  return null;
}

/** docker's order: a helper for this host, then the one for all. */
function helperOf(config: JsonRecord, host: string): string | null {
  const { credHelpers, credsStore } = config;
  const own = isRecord(credHelpers) ? (credHelpers[keyOf(host)] ?? credHelpers[host]) : undefined;
  const name = own ?? credsStore;
  return typeof name === "string" && name !== "" ? name : null;
}

/** The helper that this program is itself need not be called. */
const ownHelper = "berth";

async function askKeeper(places: Places, helper: string, host: string): Promise<SignIn | null> {
  if (helper === ownHelper) return readSecrets(places, host).basic;
  return await askHelper(helper, keyOf(host), places.programPath);
}

async function tellKeeper(
  places: Places,
  helper: string,
  host: string,
  signIn: KeptSignIn,
): Promise<void> {
  if (helper !== ownHelper)
    return await tellHelper(helper, keyOf(host), signIn, places.programPath);
  const isBasic = signIn.kind === "basic";
  const secrets = { basic: isBasic ? signIn : null, identity: isBasic ? null : signIn.token };
  writeSecrets(places, host, secrets);
}

async function clearKeeper(places: Places, helper: string, host: string): Promise<void> {
  if (helper === ownHelper) eraseSecrets(places, host);
  else await clearHelper(helper, keyOf(host), places.programPath);
}

function keyOf(host: string): string {
  return host === "docker.io" ? hubKey : host;
}

/** As clients have written it over the years. */
function keysOf(host: string): string[] {
  if (host === "docker.io") return [hubKey, "docker.io", "index.docker.io"];
  return [host, `https://${host}`, `http://${host}`, `https://${host}/v1/`, `https://${host}/v2/`];
}

/** `host/team/app`, then `host/team`: the nearest to the repository (containers-auth.json(5)). */
function pathsOf(host: string, repository: string): string[] {
  const parts = repository === "" ? [] : repository.split("/");
  return parts.map((_, at) => [host, ...parts.slice(0, parts.length - at)].join("/"));
}

function entryOf({ auth, identitytoken, username, password }: JsonRecord): SignIn | null {
  if (typeof identitytoken === "string" && identitytoken !== "") {
    return { kind: "identity", token: identitytoken };
  }
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon > 0) {
      return {
        kind: "basic",
        name: text.slice(0, colon),
        // Old versions of docker padded it with zeros.
        secret: text.slice(colon + 1).replace(/\0+$/, ""),
      };
    }
  }
  if (typeof username === "string" && typeof password === "string" && username !== "") {
    return { kind: "basic", name: username, secret: password };
  }
  return null;
}

function authOf(signIn: KeptSignIn): JsonRecord {
  if (signIn.kind === "identity") return { identitytoken: signIn.token };
  const pair = `${signIn.name}:${signIn.secret}`;
  return { auth: Buffer.from(pair, "utf8").toString("base64") };
}
