/**
 * Goal: whoever may push to a part of a project is told a name that takes their push, and who may not is told
 * none. Method: users with grants of each shape, who push to what they are told.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type ApiClient,
  type ApiServer,
  openApi,
  pushImage,
} from "../../test/support/api-client.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await openApi();
  await server.admin.post("/projects", { name: "team" });
});
afterAll(() => server.stop());

const placeOf = async (as: ApiClient) => (await as.get("/projects/team")).body["push_place"];

test.each([
  ["all of it", "team/**", "team/alpine"],
  ["one repository", "team/app", "team/app"],
  ["names that begin so", "team/app-*", "team/app-alpine"],
  ["what lies below a folder", "team/tools/**", "team/tools/alpine"],
])("%s", async (what, pattern, place) => {
  const user = await server.user(what.replaceAll(" ", "-"));
  const subject = what.replaceAll(" ", "-");
  await server.admin.post("/projects/team/grants", { subject, pattern: "team/**", role: "reader" });
  expect(await placeOf(user)).toBeNull();
  await server.admin.post("/projects/team/grants", { subject, pattern, role: "ci" });
  expect(await placeOf(user)).toBe(place);
  await pushImage(user, place, "v1");
});

test("what is forbidden is not told, nor to who may read alone", async () => {
  const user = await server.user("rita");
  const grant = { subject: "rita", pattern: "team/app" };
  await server.admin.post("/projects/team/grants", {
    ...grant,
    pattern: "team/**",
    role: "reader",
  });
  await server.admin.post("/projects/team/grants", { ...grant, role: "ci" });
  await server.admin.post("/projects/team/grants", {
    ...grant,
    effect: "deny",
    actions: ["repository:push"],
  });
  expect(await placeOf(user)).toBeNull();
});
