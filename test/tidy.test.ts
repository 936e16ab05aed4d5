import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";

const projectFolder = dirname(import.meta.dir);
const ignored = new Set(["node_modules", ".git", "dist", "data"]);

/** Which folders of `src` a file may import from, besides its own and those below it. */
const levels: readonly (readonly string[])[] = [
  ["oci", "lib"],
  ["platform"],
  ["db", "blobs", "client"],
  ["jobs"],
  // Every folder that is not named here is a slice, at this level.
  [],
  ["api", "cli", "pages", "console", "docs"],
  [""],
];
const sliceLevel = levels.findIndex((folders) => folders.length === 0);
const sliceMayImport: Record<string, readonly string[]> = {
  audit: [],
  auth: ["audit"],
  access: ["auth", "audit"],
  registry: ["access", "auth", "audit"],
  // What is erased is purged.
  trash: ["gc", "registry", "access", "auth", "audit"],
  // It tells how the others are.
  system: ["backup", "gc", "home", "verify", "registry", "access", "auth", "audit"],
};
const otherSlicesMayImport = ["registry", "access", "auth", "audit"];
/** Files of `src` itself, each of which may import those before it. */
const roots = [
  ...["door", "access-control", "chores", "app-metrics", "app"],
  ...["serve", "child", "parent", "main"],
].map((name) => `src/${name}.ts`);

const linesMax = 400;
const functionLinesMax = 70;
/** Long, and one thing all the same: a list of tables, a list of routes. */
const longOnPurpose = new Set([
  "src/db/migrations/0001-registry.ts",
  "src/db/tables.ts",
  "src/registry/routes.ts",
  "client/operations.ts",
  "web/text/en.ts",
]);

const everyPath = walk("");
const files = everyPath.filter((path) => !path.endsWith("/"));
const sources = files.filter((path) =>
  /^(src|test|bench|scripts|deploy|client|web)\/.*\.(tsx?|mjs)$/.test(path),
);
const program = sources.filter((path) => path.startsWith("src/"));
const documents = files.filter((path) => path.endsWith(".md"));
const textOf = (path: string) => readFileSync(join(projectFolder, path), "utf8");
const isTest = (path: string) => /\.(test|contract)\.ts$/.test(path);

describe("imports", () => {
  const wrong = program.flatMap((path) =>
    importsOf(path)
      .filter((target) => !mayImport(path, target))
      .map((target) => `${path} imports ${target}`),
  );
  test("go downwards only", () => {
    expect(wrong).toEqual([]);
  });

  test("reach every file of the program", () => {
    const workers = program.filter((path) => path.endsWith("-worker.ts"));
    const reached = reachableFrom(["src/main.ts", ...workers]);
    const byTests = reachableFrom(
      sources.filter((path) => !path.startsWith("src/") || isTest(path)),
    );
    // What stands in for a real thing in tests is reached by them alone.
    const isTestDouble = (path: string) =>
      /^(memory|faulty)-/.test(basename(path)) || path.endsWith(".contract.ts");
    const dead = program.filter(
      (path) =>
        !path.endsWith(".test.ts") &&
        !reached.has(path) &&
        !(isTestDouble(path) && byTests.has(path)),
    );
    expect(dead).toEqual([]);
  });

  test("of the console and of its client lead to the two of them and to nothing of the server", () => {
    const wrong = sources
      .filter((path) => /^(client|web)\//.test(path))
      .flatMap((path) =>
        importsOf(path)
          .filter(
            (target) => !(path.startsWith("web/") ? /^(client|web)\// : /^client\//).test(target),
          )
          .map((target) => `${path} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  test("of a worker name a file that is there", () => {
    for (const path of program) {
      for (const [, target = ""] of textOf(path).matchAll(
        /new URL\("(\.[^"]+)", import\.meta\.url\)/g,
      )) {
        expect(existsSync(join(projectFolder, dirname(path), target))).toBe(true);
      }
    }
  });
});

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly allowedIn: RegExp;
}

const bans: readonly Ban[] = [
  {
    what: "answers are made in routers, below them errors are thrown and values returned",
    pattern: /\bnew Response\(|\bResponse\.(json|redirect|error)\(/,
    allowedIn:
      /^src\/(platform\/http\/|registry\/(router|respond)\.ts$|api\/|pages\/|console\/|serve\.ts$|door\.ts$)/,
  },
  {
    what: "the environment is read where settings are",
    pattern: /\bprocess\.env\b|\bBun\.env\b|\bimport\.meta\.env\b/,
    allowedIn: /^src\/platform\/(config|client-environment)\.ts$/,
  },
  {
    what: "time and chance come from lib, so that tests can bring their own",
    pattern: /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)|\brandomUUID/,
    allowedIn: /^src\/lib\//,
  },
  {
    what: "SQL is in stores",
    pattern:
      /from "(kysely|bun:sqlite)"|\bsql`|\.(selectFrom|insertInto|replaceInto|updateTable|deleteFrom|executeQuery)\(/,
    // A lock of SQLite's on an empty file, which has no rows.
    allowedIn: /^src\/db\/|-store\.ts$|^src\/client\/folder-lock\.ts$/,
  },
  {
    what: "what happens is logged, only commands print",
    pattern: /\bconsole\.\w+\(/,
    allowedIn: /^src\/(cli\/|main\.ts$|platform\/log\.ts$)/,
  },
];

describe("calls that have their place", () => {
  test.each(bans.map((ban) => [ban.what, ban] as const))("%s", (_what, { pattern, allowedIn }) => {
    const wrong = program
      .filter((path) => !isTest(path) && !allowedIn.test(path))
      .flatMap((path) => linesWith(path, pattern, withoutComment));
    expect(wrong).toEqual([]);
  });

  test("a route of /v2/ says which right it takes", async () => {
    const { routes } = await import("../src/registry/routes.ts");
    const without = routes.filter(({ action }) => !/^[a-z]+:[a-z]+$/.test(action));
    expect(without).toEqual([]);
    expect(routes.length).toBeGreaterThan(10);
  });
});

describe("the tree", () => {
  test("has no words that promise instead of saying", () => {
    // Taken apart, or this file would be the first to have them.
    const joined = (...halves: string[]) => halves.map((half) => half.replace("|", "")).join("|");
    const unfinished = new RegExp(`\\b(${joined("TO|DO", "FIX|ME")})\\b`);
    const praise = joined("rob|ust", "seam|less", "compre|hensive", "enterprise|-grade");
    const patterns = [unfinished, new RegExp(`\\b(${praise})(ly|ness)?\\b`, "i")];
    const wrong = files
      .filter((path) => /\.(tsx?|mjs|md|json|ya?ml|sh|html|css|go|conf)$|^\.ci\//.test(path))
      .filter((path) => path !== "package-lock.json")
      .flatMap((path) => patterns.flatMap((pattern) => linesWith(path, pattern)));
    expect(wrong).toEqual([]);
  });

  test("has a client/operations.ts that is what the endpoints say: npm run openapi writes it anew", async () => {
    const { clientText } = await import("../scripts/client.ts");
    expect(textOf("client/operations.ts")).toBe(clientText());
  });

  test("has no empty folders", () => {
    const folders = everyPath.filter((path) => path.endsWith("/"));
    const empty = folders.filter((folder) => !files.some((path) => path.startsWith(folder)));
    expect(empty).toEqual([]);
  });

  test("keeps files and functions short, as a warning", () => {
    for (const path of sources) {
      const lines = textOf(path).split("\n");
      if (longOnPurpose.has(path)) continue;
      if (lines.length - 1 > linesMax) {
        console.log(`warning: ${path} has ${lines.length - 1} lines`);
      }
      if (isTest(path)) continue;
      for (const { line, length } of functionsOf(lines)) {
        if (length > functionLinesMax) {
          console.log(`warning: ${path}:${line} is a function of ${length} lines`);
        }
      }
    }
  });
});

describe("documents", () => {
  test("link to what is there", () => {
    const broken = documents.flatMap((path) =>
      linksOf(path)
        .filter(({ target, anchor }) => !isThere(target, anchor))
        .map(({ target, anchor }) => `${path}: ${target}${anchor === "" ? "" : `#${anchor}`}`),
    );
    expect(broken).toEqual([]);
  });

  test("name files that are there", () => {
    const pattern = /`((?:src|docs|test|scripts|bench|deploy|client|web|\.ci)\/[\w./-]+)`/g;
    const missing = documents
      .filter((path) => path !== "CHANGELOG.md")
      .flatMap((path) =>
        [...textOf(path).matchAll(pattern)]
          .map(([, name = ""]) => name)
          .filter((name) => !existsSync(join(projectFolder, name)))
          .map((name) => `${path}: ${name}`),
      );
    expect(missing).toEqual([]);
  });

  test.each([
    ["README.md", 150],
    ["docs/ARCHITECTURE.md", 300],
  ])("%s is at most %d lines", (path, max) => {
    if (existsSync(join(projectFolder, path))) {
      expect(textOf(path).trimEnd().split("\n").length).toBeLessThanOrEqual(max);
    }
  });
});

/** Every path below the project; a folder's ends with a slash. */
function walk(folder: string): string[] {
  return readdirSync(join(projectFolder, folder), { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = `${folder}${entry.name}`;
    return entry.isDirectory() ? [`${path}/`, ...walk(`${path}/`)] : [path];
  });
}

/** The files of the project that a file imports, as paths from its root. */
function importsOf(path: string): string[] {
  const pattern = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g;
  return [...textOf(path).matchAll(pattern)].map(([, target = ""]) =>
    normalize(join(dirname(path), target)),
  );
}

function folderOf(path: string): string {
  const [, folder = "", file] = path.split("/");
  return file === undefined ? "" : folder;
}

function levelOf(folder: string): number {
  const level = levels.findIndex((folders) => folders.includes(folder));
  return level === -1 ? sliceLevel : level;
}

function mayImport(path: string, target: string): boolean {
  if (target === "package.json") return path === "src/platform/version.ts";
  // Tests of a folder may use what all tests share.
  if (target.startsWith("test/support/")) return isTest(path);
  if (!target.startsWith("src/")) return false;
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === "" && to === "") return roots.indexOf(target) < roots.indexOf(path);
  if (from === to) return true;
  if (levelOf(from) === sliceLevel && levelOf(to) === sliceLevel) {
    if (isTest(path)) return true;
    return (sliceMayImport[from] ?? otherSlicesMayImport).includes(to);
  }
  // The words of the specs may use the helpers that know no domain; not the other way round.
  if (from === "oci" && to === "lib") return true;
  // Rows hold keys of blobs.
  if (from === "db" && to === "blobs") return true;
  return levelOf(to) < levelOf(from);
}

function reachableFrom(starts: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const waiting = [...starts];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path) || !files.includes(path)) continue;
    reached.add(path);
    if (path.endsWith(".ts")) waiting.push(...importsOf(path));
  }
  return reached;
}

function linesWith(path: string, pattern: RegExp, read = (line: string) => line): string[] {
  return textOf(path)
    .split("\n")
    .flatMap((line, index) =>
      pattern.test(read(line)) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    );
}

function withoutComment(line: string): string {
  return line.replace(/^\s*(\/\/|\/?\*).*| \/\/ .*$/, "");
}

/**
 * A function begins on a line that ends with a brace and ends on the next line with its indentation: the
 * formatter sees to that. Functions inside it do not count towards its length.
 */
function functionsOf(lines: readonly string[]): { line: number; length: number }[] {
  const ranges = lines.flatMap((text, start) => {
    const isHead =
      /^\s*((export |async |default )*function\b|.*=> \{$|(async )?\w+\(.*\).* \{$)/.test(text);
    const isStatement = /^\s*(if|for|while|switch|return|\}|describe)\b/.test(text);
    if (!isHead || isStatement || !text.endsWith("{")) return [];
    const indentation = /^\s*/.exec(text)?.[0] ?? "";
    const end = lines.findIndex((line, at) => at > start && line.startsWith(`${indentation}}`));
    return end === -1 ? [] : [{ start, end }];
  });
  return ranges.map(({ start, end }) => {
    let length = 0;
    for (let at = start; at <= end; at++) {
      const inner = ranges.find((range) => range.start === at && at !== start);
      if (inner !== undefined) at = inner.end;
      else length += 1;
    }
    return { line: start + 1, length };
  });
}

function linksOf(path: string): { target: string; anchor: string }[] {
  const text = textOf(path).replace(/```[\s\S]*?```/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file = "", anchor = ""] = link.split("#");
      const target = file === "" ? path : normalize(join(dirname(path), file));
      return { target, anchor };
    });
}

function isThere(target: string, anchor: string): boolean {
  const path = join(projectFolder, target);
  if (relative(projectFolder, path).startsWith("..") || !existsSync(path)) return false;
  if (anchor === "") return true;
  const headings = [...textOf(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return headings.includes(anchor);
}
