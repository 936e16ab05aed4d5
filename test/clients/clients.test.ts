import { afterAll, describe, expect, test } from "bun:test";
import { verifyStored } from "./berth.ts";
import { matrix, notRun, notRunMax } from "./matrix.ts";
import { cell, endAll } from "./support.ts";
import "./docker.ts";
import "./containerd.ts";
import "./podman.ts";
import "./skopeo.ts";
import "./buildah.ts";
import "./crane.ts";
import "./regctl.ts";
import "./oras.ts";
import "./helm.ts";
import "./cosign.ts";
import "./notation.ts";
import "./buildx.ts";
import "./many.ts";

afterAll(async () => {
  console.log(`\n${await matrix()}\n`);
  await endAll();
});

describe("berth", () => {
  cell("berth", "verify of all that was pushed", { needs: [] }, async () => {
    await verifyStored();
  });
});

// The cells above fail by themselves; this is about the ones that could not be run.
test("nearly every cell was run, where nothing may be missing", () => {
  if (process.env["CI"] !== "true") return;
  const missing = notRun().map((entry) => `${entry.client} ${entry.operation} ${entry.outcome}`);
  expect(missing.length, missing.join("\n")).toBeLessThanOrEqual(notRunMax);
});
