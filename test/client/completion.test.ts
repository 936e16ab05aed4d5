/**
 * Goal: what `berth completion` prints does in bash, zsh and fish what Tab should. Method: the shells themselves,
 * with a program named berth that offers what each test says and notes what it is asked.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { berth } from "./berth.ts";

type Shell = "bash" | "zsh" | "fish";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-completion-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Elsewhere a shell that is missing is said in the name; with CI=true it is an error. */
function testIn(shell: Shell, name: string, body: () => Promise<void>): void {
  // A terminal is made by zsh for bash too.
  const missing = [shell, "zsh"].find((program) => Bun.which(program) === null);
  if (missing === undefined) test(`${shell} ${name}`, body, 60_000);
  else if (process.env["CI"] === "true") throw new Error(`${missing} is not installed`);
  else test.skip(`${shell} ${name} (skipped: ${missing} is not installed)`, body);
}

/** What `berth complete` prints: an entry with a colon, one with a description that has one too. */
const offered = ["group:devs\tPeople: all [of] them", "anna", "--output\thow it is printed"];

/** Runs the script with the program in its path; `offers`: the lines that it prints. */
function run(shell: Shell, script: string, offers: readonly string[]): string {
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "offers"), offers.map((line) => `${line}\n`).join(""));
  const program = `#!/bin/sh\nprintf '[%s]' "$@" > '${folder}/asked'\ncat '${folder}/offers'\n`;
  writeFileSync(join(folder, "bin", "berth"), program, { mode: 0o755 });
  writeFileSync(join(folder, "script"), script);
  const alone = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] }[shell];
  const done = Bun.spawnSync([shell, ...alone, join(folder, "script")], {
    cwd: folder,
    env: { PATH: `${folder}/bin:${process.env["PATH"]}`, HOME: folder, TERM: "dumb" },
    timeout: 30_000,
  });
  expect(done.exitCode).toBe(0);
  return `${done.stdout}`;
}

/** Keys pressed in a terminal of the shell's own: the line as the shell noted it, and what it showed. */
function press(
  command: string,
  setup: readonly string[],
  keys: string,
  offers: readonly string[],
): { line: string; shown: string } {
  writeFileSync(join(folder, "setup"), [...setup, "echo READY"].join("\n"));
  writeFileSync(join(folder, "keys"), keys);
  const drive = [
    "zmodload zsh/zpty",
    `zpty shell ${command}`,
    `zpty -w shell 'source ${folder}/setup'`,
    "zpty -r -m shell seen '*READY*'",
    `zpty -w -n shell "$(<'${folder}/keys')"`,
    "while zpty -r shell seen; do print -rn -- $seen; done",
    "true",
  ];
  const shown = run("zsh", drive.join("\n"), offers);
  return { line: readFileSync(join(folder, "line"), "utf8").slice(0, -1), shown };
}

const asked = () => readFileSync(join(folder, "asked"), "utf8");

async function scriptOf(shell: Shell): Promise<string> {
  const { code, out } = await berth({ folder, env: {} }, ["completion", shell]);
  expect(code).toBe(0);
  return out;
}

describe.each(["bash", "zsh", "fish"] as const)("the script of %s", (shell) => {
  testIn(shell, "is read by its shell", async () => {
    const file = join(folder, "completion");
    writeFileSync(file, await scriptOf(shell));
    const checked = Bun.spawnSync([shell, "-n", file]);
    expect(`${checked.stderr}`).toBe("");
    expect(checked.exitCode).toBe(0);
  });
});

describe("Tab in bash", () => {
  const complete = async (line: string, offers: readonly string[]) => {
    const setup = [
      "PS1=",
      await scriptOf("bash"),
      String.raw`note() { printf '%s\n' "$READLINE_LINE" > '${folder}/line'; exit; }`,
      String.raw`bind -x '"\C-x": note'`,
    ];
    return press("bash --norc -i", setup, `${line}\t\x18`, offers);
  };

  testIn("bash", "puts a name into the line, also behind a colon", async () => {
    for (const typed of ["gr", "group:", "group:d"]) {
      const found = await complete(`berth member set team ${typed}`, offered);
      expect(found.line).toBe("berth member set team group:devs ");
      expect(asked()).toBe(`[complete][--][member][set][team][${typed}]`);
    }
    expect((await complete("berth member set ", ["team"])).line).toBe("berth member set team ");
    expect(asked()).toBe("[complete][--][member][set][]");
  });

  testIn("bash", "completes flags, and files where there is nothing else", async () => {
    const flag = await complete("berth member list --ou", offered);
    expect(flag.line).toBe("berth member list --output ");
    writeFileSync(join(folder, "layer.tar"), "");
    expect((await complete("berth push lay", [])).line).toBe("berth push layer.tar ");
  });
});

describe("Tab in fish", () => {
  const complete = async (line: string, offers: readonly string[]) => {
    const lines = [await scriptOf("fish"), `complete -C '${line}'`];
    return run("fish", lines.join("\n"), offers).split("\n").slice(0, -1);
  };

  testIn("fish", "offers names and what they are", async () => {
    expect(await complete("berth member set team ", offered)).toEqual(
      expect.arrayContaining(["anna", "group:devs\tPeople: all [of] them"]),
    );
    expect(asked()).toBe("[complete][--][member][set][team][]");
    expect(await complete("berth member list --ou", offered)).toEqual([
      "--output\thow it is printed",
    ]);
  });

  testIn("fish", "offers files where there is nothing else", async () => {
    writeFileSync(join(folder, "layer.tar"), "");
    expect(await complete("berth push lay", [])).toEqual(["layer.tar"]);
  });
});

describe("Tab in zsh", () => {
  const complete = async (load: string, line: string, offers: readonly string[]) => {
    mkdirSync(join(folder, "functions"), { recursive: true });
    writeFileSync(join(folder, "functions", "_berth"), await scriptOf("zsh"));
    const setup = [
      "PROMPT=",
      load,
      `tab() { zle complete-word; print -r -- "$BUFFER" > '${folder}/line'; exit }`,
      "zle -N tab; bindkey '^I' tab",
    ];
    return press("zsh -f -i", setup, `${line}\t`, offers);
  };
  const ways = {
    sourced: () => `autoload -Uz compinit && compinit -D -u; source '${folder}/functions/_berth'`,
    "from a folder of functions": () =>
      `fpath=('${folder}/functions' $fpath); autoload -Uz compinit && compinit -D -u`,
  };

  for (const [way, load] of Object.entries(ways)) {
    testIn("zsh", `puts a name into the line, ${way}`, async () => {
      const found = await complete(load(), "berth member set team gr", offered);
      expect(found.line).toBe("berth member set team group:devs ");
      expect(asked()).toBe("[complete][--][member][set][team][gr]");
    });
  }

  testIn("zsh", "shows what the names are", async () => {
    const found = await complete(ways.sourced(), "berth member set team ", offered);
    expect(found.line).toBe("berth member set team ");
    expect(found.shown).toContain("group:devs  -- People: all [of] them");
    expect(found.shown).toContain("anna");
  });

  testIn("zsh", "completes flags, and files where there is nothing else", async () => {
    const flag = await complete(ways.sourced(), "berth member list --ou", offered);
    expect(flag.line).toBe("berth member list --output ");
    writeFileSync(join(folder, "layer.tar"), "");
    expect((await complete(ways.sourced(), "berth push lay", [])).line).toBe(
      "berth push layer.tar ",
    );
  });
});
