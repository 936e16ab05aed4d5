/**
 * Goal: crane, which asks for nothing, gets what is typed. Method: a shell is typed to as by somebody who pastes
 * the lines and then the password; its crane tells what it gets.
 */
import { expect, test } from "bun:test";
import { pushSteps } from "../../web/screens/push-lines.ts";

test("crane is signed in with what is typed after the lines", () => {
  const place = { repository: "team/app", tag: "v1", isPlain: true };
  const [signIn] = pushSteps("crane", { host: "localhost:5000", user: "anna", ...place });
  const typed = [...(signIn?.lines ?? []), "correct horse \\ battery", "exit 7", ""].join("\n");
  const { stdout, exitCode } = Bun.spawnSync(["bash"], {
    env: { ...Bun.env, "BASH_FUNC_crane%%": '() { echo "$*: $(cat)"; }' },
    stdin: new Blob([typed]),
  });
  expect(stdout.toString()).toBe(
    "auth login --insecure localhost:5000 --username anna --password-stdin: correct horse \\ battery\n",
  );
  expect(exitCode).toBe(7);
});
