import { afterAll, beforeAll, expect, test } from "bun:test";
import { basic, type Door, secretIn } from "./door.ts";
import { manifest, openTeam, repository, type Team } from "./team.ts";
import { addUser, admin, passwordOf, signIn } from "./world.ts";

let door: Door;
let ask: Team["ask"];
let token: string;

interface Line {
  readonly actor: string;
  readonly action: string;
  readonly address: string;
  readonly credential_id: string | null;
  readonly result: string;
  readonly detail: Record<string, unknown>;
}

beforeAll(async () => {
  ({ door, ask, token } = await openTeam());
});

afterAll(() => door.remove());

/** Of the audit, the oldest first, once there are so many: sign-ins are written beside their requests. */
async function lines(query: string, count: number): Promise<Line[]> {
  for (let tries = 0; ; tries++) {
    const { items } = (await door.api(admin, "GET", `/api/v1/audit?${query}`)) as { items: Line[] };
    if (items.length >= count || tries === 500) return items.toReversed();
    await Bun.sleep(20);
  }
}

test("whoever is refused at the door is in the audit: why, from where, with what", async () => {
  await addUser(door, "gone");
  await door.api(admin, "PATCH", "/api/v1/users/gone", { disabled: true });
  const fields = { description: "bound", cidrs: ["203.0.113.0/24"] };
  const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", fields);
  const attempts = [
    ["alice", "a wrong password", "203.0.114.1"],
    ["nobody-here", "a wrong password", "203.0.114.2"],
    ["gone", passwordOf("gone"), "203.0.114.3"],
    ["alice", secretIn(minted), "203.0.114.4"],
    ["bob", secretIn(minted), "203.0.114.5"],
  ] as const;
  for (const [name, secret, from] of attempts) {
    const { status } = await ask(basic(name, secret), "GET", manifest, undefined, from);
    expect(status).toBe(401);
  }
  const refused = await lines("result=refused&address=203.0.114.", attempts.length);
  const seen = refused.map(({ actor, address, detail }) => [actor, address, detail["reason"]]);
  expect(seen.sort((a, b) => String(a[1]).localeCompare(String(b[1])))).toEqual([
    ["alice", "203.0.114.1", "password"],
    ["(unknown)", "203.0.114.2", "unknown"],
    ["gone", "203.0.114.3", "disabled"],
    ["alice", "203.0.114.4", "address"],
    ["alice", "203.0.114.5", "name"],
  ]);
  expect(refused.every(({ action }) => action === "signin.failed")).toBe(true);
  // What somebody typed may be a password, or the name of nobody.
  expect(JSON.stringify(refused)).not.toMatch(/a wrong password|nobody-here|berth_pat_[A-Za-z0-9]/);
});

test("by result, address and credential, each alone and together", async () => {
  const fields = { description: "used", cidrs: [] };
  const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", fields);
  const used = String((minted as { id: string }).id);
  const as = basic("alice", secretIn(minted));
  const from = "203.0.115.7";
  const pushed = await door.ask(`/v2/${repository}/manifests/by-token`, {
    ...{ method: "PUT", as, from },
    headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
    body: await (await door.ask(manifest, { as })).text(),
  });
  expect(pushed.status).toBe(201);
  const [push] = await lines(`credential=${used}&action=tag.moved`, 1);
  expect(push).toMatchObject({
    actor: "alice",
    credential_id: used,
    address: from,
    result: "done",
  });
  expect(await lines(`credential=${used}&address=${from}&result=done&action=tag.moved`, 1)).toEqual(
    [push as Line],
  );
  expect(await lines(`credential=${used}&result=refused`, 0)).toEqual([]);
  expect(await lines(`credential=${used}&address=203.0.116.`, 0)).toEqual([]);
  expect((await ask(admin, "GET", "/api/v1/audit?result=maybe")).status).toBe(400);
  const own = await ask(signIn("alice"), "GET", `/api/v1/projects/team/audit?credential=${used}`);
  expect(own.text).toContain("by-token");
  expect((await ask(token, "GET", `/api/v1/audit?credential=${used}`)).status).toBe(403);
});

test("a push that was refused changed nothing, and is no line of the audit: the log has who tried", async () => {
  const from = "203.0.117.1";
  for (const [method, path] of [
    ["PUT", `/v2/${repository}/manifests/v1`],
    ["DELETE", `/v2/${repository}/manifests/v1`],
    ["POST", `/v2/${repository}/blobs/uploads/`],
  ] as const) {
    const body = method === "PUT" ? "{}" : undefined;
    const { status } = await door.ask(path, { method, as: signIn("bob"), from, body });
    expect(status).toBe(403);
  }
  const written = await lines(`actor=bob&address=${from}`, 1);
  expect(written.map(({ action }) => action)).toEqual(["signin.done"]);
  // Lines of the log are written some at a time.
  const tried = () => door.lines.filter((line) => line.includes(`"${from}"`));
  for (let tries = 0; tried().length < 3 && tries < 500; tries++) await Bun.sleep(20);
  const logged = tried().map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(logged.map(({ principal, method, status }) => [principal, method, status])).toEqual([
    ["bob", "PUT", 403],
    ["bob", "DELETE", 403],
    ["bob", "POST", 403],
  ]);
});
