import { describe, expect } from "bun:test";
import { registry } from "./berth.ts";
import { seed, smallImage } from "./content.ts";
import { door } from "./door.ts";
import { dockerEnvironment, refusedCell, signsIn, writeDockerConfig } from "./sign-in.ts";
import { cell, run } from "./support.ts";

const artifactType = "application/vnd.cncf.notary.signature";

const signIn = signsIn("notation", { environment: dockerEnvironment, login: writeDockerConfig });

describe("notation", () => {
  refusedCell(
    "notation",
    { needs: ["notation"] },
    {
      pull: (repository, digest) => ["notation", `${repository}@${digest}`],
      env: signIn.nowhere,
      says: /unauthorized/i,
    },
  );

  cell("notation", "referrers", { needs: ["notation"] }, async () => {
    const { host } = await registry();
    const image = smallImage();
    await seed(door(host), "notation/signed", "1", image);
    const { digest } = image.descriptor;
    const argv = ["notation", `${host}/notation/signed@${digest}`];
    const { stdout } = await run(argv, { env: await signIn.at(argv) });
    const [found, ...more] = await door(host).referrers("notation/signed", digest);
    expect(more).toEqual([]);
    expect(found?.artifactType).toBe(artifactType);
    expect(stdout.trim().split("\n")).toEqual([
      `sign ${digest}`,
      `list ${found?.digest}`,
      `verify ${digest}`,
    ]);
    await door(host).readBack("notation/signed", found?.digest ?? "");
    // The library falls back to a tag for a registry that does not answer for referrers itself.
    expect(await door(host).tags("notation/signed")).toEqual(["1"]);
  });
});
