/**
 * Goal: jobs and pods get in with their identity token and no stored secret, as `deploy/` has it for GitHub
 * Actions, GitLab CI and Kubernetes. Method: the shell lines of these files, with a real docker; an issuer on
 * this machine that hands out tokens as GitHub does. What was pushed is announced to a receiver, which pulls
 * and runs it.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";
import { administrator, basic, management, startBerth } from "../clients/berth.ts";
import { debianTar } from "../clients/content.ts";
import { dockerdNeeds, startDockerd } from "../clients/dockerd.ts";
import { atEnd, endAll, folder, freePort, run } from "../clients/support.ts";
import { openReceiver } from "../events/world.ts";
import { github, gitlab, kubernetes } from "../support/identity-claims.ts";
import { startIssuer, type TestIssuer } from "../support/identity-issuer.ts";
import { makeImage } from "../support/images.ts";
import { createOciClient } from "../support/oci-client.ts";
import { deployFolder, testWith } from "./support.ts";

const audience = "https://registry.example";
const requestToken = "what the runner gives the job";
const host = `127.0.0.1:${freePort()}`;
const ask = management(`http://${host}`);
const receiver = openReceiver();

let actions: TestIssuer;
let runner: TestIssuer;
let cluster: TestIssuer;
beforeAll(async () => {
  let jobs = 0;
  actions = await startIssuer({
    // As https://docs.github.com/en/actions/reference/security/oidc has it.
    async serve(request) {
      const url = new URL(request.url);
      const isAsked = request.headers.get("authorization") === `bearer ${requestToken}`;
      if (url.pathname !== "/token" || !isAsked) return null;
      jobs += 1;
      const aud = url.searchParams.get("audience");
      return Response.json({
        value: await actions.sign({ ...github.claims, aud, jti: `job-${jobs}` }),
      });
    },
  });
  runner = await startIssuer();
  cluster = await startIssuer();
  await startBerth("berth-of-jobs", {
    BERTH_LISTEN: host,
    BERTH_DATA: await folder("berth-of-jobs"),
    BERTH_WEBHOOKS_ALLOW: "127.0.0.1",
  });
  await ask(administrator, "POST", "/api/v1/projects", { name: "team" });
  for (const { issuer, name, role, claims } of [
    { issuer: actions, name: "github", role: "ci", claims: { repository: "octo-org/octo-repo" } },
    { issuer: runner, name: "gitlab", role: "ci", claims: { project_path: "my-group/my-project" } },
    {
      ...{ issuer: cluster, name: "cluster", role: "reader" },
      claims: { "/kubernetes.io/namespace": "my-namespace" },
    },
  ]) {
    const known = { name, url: issuer.url, audiences: [audience], inner: true };
    await ask(administrator, "POST", "/api/v1/issuers", known);
    await ask(administrator, "POST", "/api/v1/projects/team/robots", { name, role });
    const rule = { issuer: name, robot: `robot.team.${name}`, claims };
    await ask(administrator, "POST", "/api/v1/trusts", rule);
  }
});
afterAll(async () => {
  await endAll();
  await Promise.all([actions.stop(), runner.stop(), cluster.stop(), receiver.stop()]);
});

/** A job's machine: a folder, docker with a daemon of its own, and nobody signed in. */
async function machine(name: string): Promise<{ cwd: string; env: Record<string, string> }> {
  const cwd = await folder(`${name}-job`);
  const env = {
    DOCKER_HOST: await startDockerd(`dockerd-of-${name}`, null),
    DOCKER_CONFIG: await folder(`${name}-docker-config`),
    DOCKER_BUILDKIT: "0",
  };
  return { cwd, env };
}

/** A web application: what answers on the port of the environment, in the perl of Debian. */
async function writeApplication(folderOf: string): Promise<void> {
  const root = join(folderOf, "root");
  await mkdir(root);
  const wanted = [
    "./lib",
    "./lib64",
    "./usr/lib64",
    "./usr/bin/perl",
    "*/ld-linux-*",
    "*/perl-base",
  ];
  const libraries = ["c", "m", "crypt", "dl", "pthread"].map(
    (name) => `*-linux-gnu/lib${name}.so.*`,
  );
  await run(["tar", "-C", root, "-xf", debianTar(), "--wildcards", ...wanted, ...libraries]);
  await writeFile(join(root, "app.pl"), application);
  await writeFile(
    join(folderOf, "Dockerfile"),
    'FROM scratch\nCOPY root /\nCMD ["perl", "/app.pl"]\n',
  );
}

const application = `
use IO::Socket::INET;
$| = 1;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
  while (defined(my $line = <$client>)) { last if $line =~ /^\\r?$/ }
  print $client "HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello";
  close $client;
}
`;

function yamlOf(path: string): unknown {
  return Bun.YAML.parse(readFileSync(join(deployFolder, path), "utf8"));
}

describe("GitHub Actions", () => {
  interface Action {
    readonly inputs: Readonly<Record<string, { default?: string }>>;
    readonly runs: {
      readonly steps: readonly { readonly run: string; env: Record<string, string> }[];
    };
  }
  const action = yamlOf("github-action/action.yml") as Action;

  /** Its step, as a runner does it. */
  async function signIn(given: Record<string, string>, env: Record<string, string>) {
    const [step] = action.runs.steps;
    const inputs: Record<string, string> = {};
    for (const [name, { default: byDefault = "" }] of Object.entries(action.inputs)) {
      inputs[name] = given[name] ?? byDefault;
    }
    const variables = Object.entries(step?.env ?? {}).map(([name, text]) => [
      name,
      text.replace(/\$\{\{ inputs\.(\w+) \}\}/g, (_, input: string) => inputs[input] ?? ""),
    ]);
    const all = { ...env, ...Object.fromEntries(variables) };
    const shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step?.run ?? ""];
    return await run(shell, { env: all, mayFail: true });
  }

  testWith(
    [...dockerdNeeds, "bash", "curl", "jq"],
    "a job builds and pushes; what is told of it is pulled, and runs",
    async () => {
      const { cwd, env } = await machine("github");
      const { secret } = await ask(administrator, "POST", "/api/v1/projects/team/webhooks", {
        url: `${receiver.url}/deploy`,
      });
      expect(secret).toBeString();

      const without = await signIn({ registry: host, audience }, env);
      expect(without.exitCode).toBe(1);
      expect(without.stdout).toContain("id-token: write");
      const job = {
        ...env,
        ACTIONS_ID_TOKEN_REQUEST_URL: `${actions.url}/token?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
      };
      const elsewhere = await signIn({ registry: host, audience: "https://other.example" }, job);
      expect(elsewhere.exitCode).toBe(1);
      const signedIn = await signIn({ registry: host, audience }, job);
      expect(signedIn.stdout).toContain("Login Succeeded");
      expect(signedIn.stdout).toMatch(/^::add-mask::ey/m);

      await writeApplication(cwd);
      const reference = `${host}/team/web:v1`;
      await run(["docker", "build", "--tag", reference, "."], { cwd, env });
      await run(["docker", "push", reference], { env });

      const told = await toldOf("io.berth.image.pushed");
      expect(told).toMatchObject({ subject: "team/web:v1" });
      const server = await machine("server");
      await signIn({ registry: host, audience }, { ...job, ...server.env });
      await run(["docker", "pull", reference], { env: server.env });
      const port = `${freePort()}`;
      const started = await run(
        ["docker", "run", "--detach", "--network=host", "--env", `PORT=${port}`, reference],
        { env: server.env },
      );
      atEnd(async () => {
        await run(["docker", "rm", "--force", started.stdout.trim()], { env: server.env });
      });
      expect(await answerOf(`http://127.0.0.1:${port}/`)).toBe("hello");
    },
    300,
  );

  async function toldOf(type: string): Promise<unknown> {
    for (let tries = 0; tries < 200; tries++) {
      const found = receiver.received.find(({ body }) => body["type"] === type);
      if (found !== undefined) return found.body;
      await Bun.sleep(100);
    }
    throw new Error(`no ${type} came: ${receiver.received.map(({ text }) => text).join("\n")}`);
  }
});

async function answerOf(url: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(url).catch(() => null);
    if (answer !== null) return await answer.text();
    await Bun.sleep(100);
  }
  throw new Error(`${url} does not answer`);
}

describe("GitLab CI", () => {
  interface Job {
    readonly id_tokens: Readonly<Record<string, { aud: string }>>;
    readonly before_script: readonly string[];
    readonly script: readonly string[];
    readonly extends: string;
  }
  const file = yamlOf("gitlab/berth.gitlab-ci.yml") as Record<string, Job>;
  const { ".berth-push": job, ".berth": base } = file;

  testWith(
    [...dockerdNeeds, "sh"],
    "a job pushes with its token",
    async () => {
      const { cwd, env } = await machine("gitlab");
      await writeFile(join(cwd, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
      expect(job?.extends).toBe(".berth");
      expect(base?.id_tokens).toEqual({ BERTH_ID_TOKEN: { aud: "$BERTH_AUDIENCE" } });
      const lines = [...(base?.before_script ?? []), ...(job?.script ?? [])];
      await run(["sh", "-ec", lines.join("\n")], {
        cwd,
        env: {
          ...env,
          BERTH_REGISTRY: host,
          BERTH_IMAGE: "team/of-gitlab",
          CI_COMMIT_REF_SLUG: "feature-branch-1",
          BERTH_ID_TOKEN: await runner.sign({ ...gitlab.claims, aud: audience }),
        },
      });
      const tags = await ask(administrator, "GET", "/api/v1/repositories/team%2Fof-gitlab/tags");
      expect(tags).toMatchObject({ items: [{ name: "feature-branch-1" }] });
    },
    300,
  );
});

describe("Kubernetes", () => {
  interface Configuration {
    readonly providers: readonly {
      readonly name: string;
      readonly apiVersion: string;
      readonly defaultCacheDuration: string;
      readonly tokenAttributes: { readonly cacheType: string };
    }[];
  }
  const [provider] = (yamlOf("kubernetes/credential-provider.yaml") as Configuration).providers;

  async function askProvider(request: object) {
    const program = [process.execPath, "src/main.ts", "kubelet-credential"];
    return await run(program, {
      cwd: projectFolder,
      stdin: JSON.stringify(request),
      mayFail: true,
    });
  }

  testWith([], "a pod pulls with the token of its service account", async () => {
    const client = createOciClient((path, init) => {
      const headers = new Headers(init?.headers);
      headers.set("authorization", basic(administrator));
      return fetch(`http://${host}${path}`, { ...init, headers });
    });
    await client.pushImage("team/pod", makeImage("pod"), "v1");
    const request = {
      apiVersion: provider?.apiVersion,
      kind: "CredentialProviderRequest",
      image: `${host}/team/pod:v1`,
    };
    const serviceAccountToken = await cluster.sign({ ...kubernetes.claims, aud: audience });
    const { stdout } = await askProvider({ ...request, serviceAccountToken });
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      apiVersion: provider?.apiVersion,
      kind: "CredentialProviderResponse",
      cacheDuration: provider?.defaultCacheDuration,
    });
    const { username, password } = answer.auth[host];
    const pulled = await fetch(`http://${host}/v2/team/pod/manifests/v1`, {
      headers: { authorization: basic({ name: username, password }) },
    });
    expect(pulled.status).toBe(200);

    const without = await askProvider(request);
    expect(without).toMatchObject({ exitCode: 2, stdout: "" });
    expect(without.stderr).toContain("tokenAttributes");
    const older = await askProvider({ ...request, apiVersion: "v1beta1" });
    expect(older.stderr).toContain("apiVersion");
  });
});
