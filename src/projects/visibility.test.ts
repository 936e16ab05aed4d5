/**
 * Goal: what is made more visible is given to everybody, which takes what giving takes. Method: a
 * robot that manages a project and may not read it, and one that may, beside the owner.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type ApiClient,
  type ApiServer,
  openApi,
  pushImage,
} from "../../test/support/api-client.ts";

let server: ApiServer;
let manager: ApiClient;
let owner: ApiClient;

beforeAll(async () => {
  server = await openApi();
  await server.admin.post("/projects", { name: "team" });
  await pushImage(server.admin, "team/app", "v1");
  const robot = async (name: string, fields: object) => {
    const { body } = await server.admin.post("/projects/team/robots", { name, ...fields });
    return server.admin.as(String(body["name"]), String(body["secret"]));
  };
  const actions = ["project:read", "project:manage", "repository:edit"];
  manager = await robot("manager", { grants: [{ pattern: "**", actions }] });
  owner = await robot("owner", { role: "owner" });
});
afterAll(() => server.stop());

const setProject = (as: ApiClient, visibility: string) =>
  as.patch("/projects/team", { visibility });
const setRepository = (as: ApiClient, visibility: string | null) =>
  as.patch("/repositories/team%2Fapp", { visibility });

describe("who may not read what they manage", () => {
  test("opens it for nobody, but closes it", async () => {
    expect((await setProject(manager, "public")).status).toBe(403);
    expect((await setProject(manager, "internal")).status).toBe(403);
    expect((await setProject(manager, "private")).status).toBe(200);
    expect((await setProject(owner, "public")).status).toBe(200);
    expect((await setRepository(manager, "private")).status).toBe(200);
    expect((await setRepository(manager, "internal")).status).toBe(403);
    expect((await setRepository(manager, null)).status).toBe(403);
    expect((await setRepository(owner, null)).status).toBe(200);
    expect((await setProject(manager, "internal")).status).toBe(200);
    expect((await setProject(manager, "public")).status).toBe(403);
    const { body } = await server.admin.get("/projects/team");
    expect(body["visibility"]).toBe("internal");
  });
});
