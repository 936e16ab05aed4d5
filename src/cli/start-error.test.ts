import { expect, test } from "bun:test";
import { KeyFileError } from "../auth/key-file.ts";
import { SealError } from "../auth/secret-box.ts";
import { loadConfig } from "../platform/config.ts";
import { explainStartError } from "./start-error.ts";

const { config } = loadConfig({ data: "/srv/berth" }, {}, () => null);

test("a key that is missing or cannot be used is told in a sentence with the way out", () => {
  const sealed = explainStartError(new SealError("a secret was sealed with the key ab12"), config);
  expect(sealed).toBe(
    "The stored secrets of /srv/berth cannot be opened: a secret was sealed with the key ab12. Put the key back from where you keep its copy.",
  );
  const file = new KeyFileError("/srv/berth/secret.key is empty: put back the one of a backup");
  expect(explainStartError(file, config)).toBe(`${file.message}.`);
});

test("what nobody expected is not explained away", () => {
  expect(explainStartError(new Error("a bug"), config)).toBeNull();
});
