/** Goal: crane, which asks for nothing, gets what is typed. Method: a shell, and a crane that tells what it gets. */
import { expect, test } from "bun:test";
import { pushSteps } from "../../web/screens/push-lines.ts";

test("crane is signed in with what is typed next, as a shell of people takes the line", () => {
  const place = { repository: "team/app", tag: "v1", isPlain: true };
  const [signIn] = pushSteps("crane", { host: "localhost:5000", user: "anna", ...place });
  expect(signIn?.lines.length).toBe(1);
  const crane = 'crane() { echo "$*: $(cat)"; }';
  const { stdout, exitCode } = Bun.spawnSync(
    ["bash", "-euc", `${crane}\n${signIn?.lines.join("\n")}`],
    { stdin: new Blob(["correct horse \\ battery\n"]) },
  );
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toBe(
    "auth login --insecure localhost:5000 --username anna --password-stdin: correct horse \\ battery\n",
  );
});
