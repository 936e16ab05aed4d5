import { afterAll, beforeAll } from "bun:test";
import { fuzz } from "./fuzz.ts";
import { routes } from "./route-values.ts";
import { image, openWorld, repository, type World } from "./world.ts";

// Paths, queries and bodies of every route there is, right but for a place or a few, by every method.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  // Whatever was asked, what was there is there.
  const path = `/v2/${repository}/manifests/v1`;
  const { body } = await world.ask({
    method: "GET",
    path,
    headers: { authorization: world.admin },
  });
  if (body !== image.manifest) throw new Error(`${path}: ${body}`);
  await world.end();
});

fuzz({
  name: "routes",
  values: routes,
  expects: ["200", "400", "401", "403", "404", "405"],
  async run({ method, path, body, as }) {
    const authorization = as === "nobody" ? {} : { authorization: world[as] };
    const type = path.startsWith("/api/")
      ? "application/json"
      : path.startsWith("/v2/")
        ? "application/vnd.oci.image.manifest.v1+json"
        : "application/x-www-form-urlencoded";
    const headers = { ...authorization, ...(body === null ? {} : { "content-type": type }) };
    const { status } = await world.ask({ method, path, headers, body });
    return `${status}`;
  },
});
