import { ClientError } from "./client-error.ts";
import type { KeptSignIn } from "./sign-in.ts";

/** A helper may ask a person something. */
const answerMsMax = 120_000;
const namePattern = /^[\w.-]{1,64}$/;

/** What docker calls the user whose secret is an identity token. */
export const identityUser = "<token>";

/** Asks `docker-credential-<name>` of the folders of `path`; null where it has nothing for the host. Throws `ClientError`. */
export async function askHelper(
  name: string,
  server: string,
  path: string,
): Promise<KeptSignIn | null> {
  const { code, out, errors } = await run(name, "get", server, path);
  if (code !== 0) {
    // The words of docker's own helpers, which all others use too.
    if (/credentials not found/i.test(`${out}${errors}`)) return null;
    throw new ClientError(`docker-credential-${name} get failed: ${(errors || out).trim()}`);
  }
  const { Username, Secret } = JSON.parse(out) as { Username?: unknown; Secret?: unknown };
  if (typeof Username !== "string" || typeof Secret !== "string") return null;
  return Username === identityUser
    ? { kind: "identity", token: Secret }
    : { kind: "basic", name: Username, secret: Secret };
}

/** Has the helper keep it. Throws `ClientError`. */
export async function tellHelper(
  name: string,
  server: string,
  signIn: KeptSignIn,
  path: string,
): Promise<void> {
  const isIdentity = signIn.kind === "identity";
  const input = JSON.stringify({
    ServerURL: server,
    Username: isIdentity ? identityUser : signIn.name,
    Secret: isIdentity ? signIn.token : signIn.secret,
  });
  const { code, out, errors } = await run(name, "store", input, path);
  if (code !== 0) {
    throw new ClientError(`docker-credential-${name} store failed: ${(errors || out).trim()}`);
  }
}

/** Has the helper forget it; that it knew nothing is no error. */
export async function clearHelper(name: string, server: string, path: string): Promise<void> {
  await run(name, "erase", server, path);
}

async function run(name: string, verb: "get" | "store" | "erase", input: string, path: string) {
  if (!namePattern.test(name)) {
    throw new ClientError(`${JSON.stringify(name)} is no name of a credential helper`);
  }
  const program = Bun.which(`docker-credential-${name}`, { PATH: path });
  if (program === null) {
    throw new ClientError(
      `docker's settings name the credential helper ${name}, and there is no docker-credential-${name} here`,
    );
  }
  const child = Bun.spawn([program, verb], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: answerMsMax,
  });
  const [out, errors, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { code, out, errors };
}
