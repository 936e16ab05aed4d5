import { expect, test } from "bun:test";
import { shellWord } from "./shell-word.ts";

test("a shell reads back what was written", () => {
  for (const word of ["/srv/berth", "a b", "it's", '$HOME `id` \\ "x"', "*", "", "a\nb"]) {
    const { stdout } = Bun.spawnSync(["sh", "-c", `printf %s ${shellWord(word)}`]);
    expect(stdout.toString()).toBe(word);
  }
});
