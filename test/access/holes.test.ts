import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFolder } from "../../scripts/groups.ts";

/** Text of one file, and what a mistake would make of it. */
interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A mistake that others made before, and the tests that must notice it. */
interface Hole {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly tests: string;
  /** Of the names of tests, as a regular expression. */
  readonly only: string;
}

const holes: readonly Hole[] = [
  {
    name: "a mount does not ask about its source",
    patches: [
      {
        file: "src/registry/mount-blob.ts",
        from: "if (!(await caller.mayPull(from))) return null;",
        to: "",
      },
    ],
    tests: "content",
    only: "CVE-2024-39897",
  },
  {
    name: "a deleted repository is shown to who may see what has its name now",
    patches: [
      {
        file: "src/registry/pull-past.ts",
        from: 'chain(state === "live" || caller.mayPullGone(name),',
        to: "chain<boolean, boolean>(true,",
      },
    ],
    tests: "past",
    only: "that was deleted is seen by those",
  },
  {
    name: "the catalog lists everything",
    patches: [
      {
        file: "src/registry/list-repositories.ts",
        from: "if (await caller.mayList(name)) names",
        to: "names",
      },
    ],
    tests: "content",
    only: "lists hold what one may see",
  },
  {
    name: "a token goes on when its project was made again",
    patches: [
      {
        file: "src/access/scope.ts",
        from: "if (!sameProject) return false;",
        to: "if (!sameProject) return true;",
      },
    ],
    tests: "matrix",
    only: "again, by registry token",
  },
  {
    name: "HEAD is not authorized",
    patches: [
      {
        file: "src/registry/router.ts",
        from: "asked;\n  if (!decision.allowed) {",
        to: 'asked;\n  if (!decision.allowed && context.request.method !== "HEAD") {',
      },
    ],
    tests: "matrix",
    only: "theirs, by credential",
  },
  {
    name: "tags in the query are not authorized",
    patches: [
      {
        file: "src/registry/push-manifest.ts",
        from: "for (const tag of tags) {\n    await push.caller.assertMayWriteTag(",
        to: "for (const tag of tags.slice(0, 1 - push.tags.length)) {\n    await push.caller.assertMayWriteTag(",
      },
    ],
    tests: "content",
    only: "a grant on tags",
  },
  {
    name: "referrers of a private subject are for everybody",
    patches: [
      {
        file: "src/registry/routes.ts",
        from: '"/v2/<name>/referrers/<digest>", "repository:pull"',
        to: '"/v2/<name>/referrers/<digest>", "registry:ping"',
      },
    ],
    tests: "content",
    only: "referrers of what one may not see",
  },
  {
    name: "an upload goes on for whoever knows its id",
    patches: [
      {
        file: "src/registry/upload-session.ts",
        from: "isThere && row.principal === actorOf(caller.principal)",
        to: "isThere",
      },
    ],
    tests: "content",
    only: "CVE-2026-32589",
  },
  {
    name: "a locked tag is deleted, and pushed again",
    patches: [
      {
        file: "src/registry/delete-manifest.ts",
        from: "await assertTagMayMove(tx, { repositoryId, repository, tag, current, next: null });",
        to: "",
      },
    ],
    tests: "content",
    only: "a protected tag",
  },
  {
    name: "a blob is found by its digest in any repository",
    patches: [
      {
        file: "src/registry/hot-reads-store.ts",
        from: `rb.digest = \${second}
         join blobs b on b.digest = rb.digest and b.state = 'live'
        where r.name = \${first} and r.state = 'live'`,
        to: `rb.digest = \${second}
         join blobs b on b.digest = rb.digest and b.state = 'live'
        where \${first} <> '' and r.state = 'live'`,
      },
    ],
    tests: "content",
    only: "what has a digest",
  },
  {
    name: "a registry token forgets the scope of the token that got it",
    patches: [
      {
        file: "src/auth/authenticator.ts",
        from: "principal: { ...proof.principal, token: scope },",
        to: "principal: { ...proof.principal, scope: null, token: null },",
      },
    ],
    tests: "tokens",
    only: "no more than its holder",
  },
  {
    name: "a deleted robot signs in",
    patches: [
      {
        file: "src/auth/principal-store.ts",
        from: 'await tx.deleteFrom("credentials").where("principal_id", "=", id).execute();',
        to: "",
      },
      {
        file: "src/auth/principal-store.ts",
        from: "where id = ?1 and state <> 'deleted'",
        to: "where id = ?1",
      },
      {
        file: "src/auth/prove.ts",
        from: 'principal === null || principal.state === "deleted"',
        to: "principal === null",
      },
      {
        file: "src/auth/prove.ts",
        from: 'principal.state !== "active"',
        to: 'principal.state === "disabled"',
      },
    ],
    tests: "matrix",
    only: "mine, by credential",
  },
  {
    name: "what is internal is shown to anybody",
    patches: [
      {
        file: "src/access/judge.ts",
        from: 'visibility === "internal" && isKnown(principal)',
        to: 'visibility === "internal"',
      },
    ],
    tests: "matrix",
    only: "internal, by credential",
  },
  {
    name: "what is denied is allowed where a role allows it",
    patches: [
      {
        file: "src/access/judge.ts",
        from: "if (denying !== undefined) return denyBy(denying, action);",
        to: "if (denying !== undefined && grants.every((grant) => grant.denies)) return denyBy(denying, action);",
      },
    ],
    tests: "matrix",
    only: "mine, by credential",
  },
  {
    name: "a session goes on when its user is disabled",
    patches: [
      {
        file: "src/auth/prove.ts",
        from: 'principal.state !== "active"',
        to: 'principal.state !== "active" && credential?.kind !== "session"',
      },
      {
        file: "src/accounts/user-endpoints.ts",
        from: "if (disabled === true) await endEverythingIssued(tx, row.id);",
        to: "",
      },
    ],
    tests: "matrix",
    only: "what belongs to the whole registry",
  },
  {
    name: "a session is good for the data plane",
    patches: [
      {
        file: "src/registry/router.ts",
        from: `    const principal = gate.identify(context.request.headers.get("authorization"), from);
    if (!`,
        to: `    const { headers } = context.request;
    const principal = headers.has("cookie")
      ? (gate as typeof gate & { identifySession(of: RequestContext): Promise<Principal> })
          .identifySession(context)
      : gate.identify(headers.get("authorization"), from);
    if (!`,
      },
    ],
    tests: "matrix",
    only: "mine, by credential",
  },
  {
    name: "whoever owns a repository manages its project",
    patches: [
      {
        file: "src/access/judge.ts",
        from: ": coversProject(grant.pattern, project);\n}",
        to: ": reachesProject(grant.pattern, project);\n}",
      },
    ],
    tests: "matrix",
    only: "what belongs to a project: mine",
  },
  {
    name: "a page is served that nobody judged",
    patches: [
      {
        file: "src/door.ts",
        from: 'case "/startupz":',
        to: 'case "/startupz":\n    case "/debug":',
      },
    ],
    tests: "routes",
    only: "every address that is written",
  },
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-holes-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("there are eighteen", () => expect(new Set(holes.map(({ name }) => name)).size).toBe(18));

/** Their tests run on SQLite: where these do on PostgreSQL, it would be the same once more. */
const dug = process.env["BERTH_TEST_DATABASE"] === "postgres" ? [] : holes;

// Each starts a process that builds a world of its own.
test.concurrent.each(dug.map((hole) => [hole.name, hole] as const))(
  "the tests notice when %s",
  async (_name, hole) => {
    const copy = copyTree();
    for (const patch of hole.patches) apply(copy, patch);
    const { exitCode, output } = await inTurn(() => runTests(copy, hole)).finally(() =>
      rm(copy, { recursive: true }),
    );
    expect(`exit code ${exitCode}\n${output}`).toMatch(/^exit code 1\n/);
    // It is a test that fails, not a file that cannot be read.
    expect(output).toContain("(fail) ");
    expect(output).not.toMatch(
      /\(fail\) \(unnamed\)|SyntaxError|Unhandled error|error: Cannot find/,
    );
  },
  // They wait for their turn meanwhile.
  600_000,
);

/** So many at once keep two cores busy; more would only be slower each. */
const atOnce = 2;
let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

let copies = 0;
function copyTree(): string {
  copies += 1;
  const copy = join(folder, `${copies}`);
  for (const name of [
    "src",
    "test/access",
    "test/support",
    "test/faults/support",
    "scripts",
    "package.json",
    "openapi.json",
  ]) {
    cpSync(join(projectFolder, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(projectFolder, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** A patch must mean exactly one place: one that moved is to be looked at again. */
function apply(copy: string, { file, from, to }: Patch): void {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  expect(`${file}: ${text.split(from).length - 1} times ${from}`).toBe(`${file}: 1 times ${from}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

async function runTests(copy: string, { tests, only }: Hole) {
  const command = [
    process.execPath,
    "test",
    "--timeout=120000",
    "-t",
    only,
    `./test/access/${tests}.test.ts`,
  ];
  const child = Bun.spawn(command, {
    cwd: copy,
    // On SQLite whatever the rest runs on: the rules are the same.
    env: { ...process.env, NO_COLOR: "1", BERTH_TEST_DATABASE: "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, output: out + err };
}
