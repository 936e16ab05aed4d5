import { makeImage } from "../support/images.ts";
import { basic, type Door, openDoor, secretIn } from "./door.ts";
import { addProject, addUser, signIn } from "./world.ts";

export const repository = "team/app";
export const manifest = `/v2/${repository}/manifests/v1`;
export const image = makeImage("abuse of accounts");

/** A registry where alice owns `team`, in which there is an image, and a robot; bob has nothing. */
export interface Team {
  readonly door: Door;
  /** Authorization headers: of a robot that may read `team`, and of a token of alice's. */
  readonly robot: string;
  readonly token: string;
  ask(
    as: string | null,
    method: string,
    path: string,
    body?: object,
    from?: string,
  ): Promise<{ status: number; headers: Headers; text: string }>;
}

export async function openTeam(): Promise<Team> {
  const door = await openDoor();
  for (const name of ["alice", "bob"]) await addUser(door, name);
  await addProject(door, "team", signIn("alice"), "private");
  await door.client(signIn("alice")).pushImage(repository, image, "v1");
  await door.client(signIn("alice")).pushImage("alice/app", image, "v1");
  const robots = "/api/v1/projects/team/robots";
  const grants = [{ pattern: "team/**", role: "reader" }];
  const made = await door.api(signIn("alice"), "POST", robots, { name: "puller", grants });
  const minted = await door.api(signIn("alice"), "POST", "/api/v1/account/tokens", {});
  return {
    door,
    robot: basic("robot.team.puller", secretIn(made)),
    token: basic("alice", secretIn(minted)),
    async ask(as, method, path, body, from) {
      const more = from === undefined ? {} : { from };
      const answer = await door.ask(path, { method, as, body: body as never, ...more });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
  };
}

/** An address of a network that nobody else here uses: what is throttled is so for one alone. */
let networks = 0;
export function freshAddress(): string {
  networks += 1;
  return `100.${64 + (networks >> 8)}.${networks & 255}.9`;
}
