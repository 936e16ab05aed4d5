/**
 * Goal: whoever lost a right, and whoever wants what was deleted, gets it from none of several nodes. Method:
 * docker pulls all the while, through a balancer that sends each request to the next of three nodes.
 */
import { afterAll, expect } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, administrator, basic, management } from "../clients/berth.ts";
import { type Image, seed, smallImage } from "../clients/content.ts";
import { dockerdNeeds, startDockerd } from "../clients/dockerd.ts";
import { door, signDoorIn } from "../clients/door.ts";
import { startBehindBalancer } from "../clients/nodes.ts";
import { endAll, folder, run } from "../clients/support.ts";
import { testWith } from "../deploy/support.ts";

const repository = "team/app";
const bob: Account = { name: "bob", password: "correct horse battery staple" };
/** All nodes know by then, also where the machine is busy. */
const knownMsMax = 5_000;
const pullsMin = 3;
const waitMsMax = 60_000;

afterAll(endAll);

interface Pull {
  readonly of: number;
  /** Times since the process began. */
  readonly begun: number;
  readonly ended: number;
  readonly said: string;
  readonly isDone: boolean;
}

testWith(
  [...dockerdNeeds, "nginx", "versitygw", "root"],
  "docker pulls from three nodes until its user's right goes, and until the image does",
  async () => {
    const host = await startNodes();
    const ask = management(`http://${host}`);
    await ask(administrator, "POST", "/api/v1/users", bob);
    const { token } = await ask(administrator, "POST", "/api/v1/account/tokens", {});
    signDoorIn(host, basic({ ...administrator, password: String(token) }));
    const images = [smallImage(), smallImage(), smallImage()];
    for (const [k, image] of images.entries()) await seed(door(host), repository, `v${k}`, image);
    const [going] = images as [Image, ...Image[]];
    const member = "/api/v1/projects/team/members/bob";
    const give = () => ask(administrator, "PUT", member, { role: "reader" });
    await give();

    const docker = await signedInDocker(host);
    const pulls: Pull[] = [];
    let isOver = false;
    // By tag, and one by its digest, which nodes remember.
    const references = images.map(({ descriptor }, k) =>
      k === 2 ? `${host}/${repository}@${descriptor.digest}` : `${host}/${repository}:v${k}`,
    );
    const pullers = references.map(async (reference, of) => {
      while (!isOver) {
        const begun = performance.now();
        const { exitCode, stderr } = await docker("pull", reference);
        const isDone = exitCode === 0;
        pulls.push({ of, begun, ended: performance.now(), said: stderr, isDone });
        // Or the next one would find it here.
        if (isDone) await docker("rmi", reference);
      }
    });
    /** Waits for some more pulls of each image that were begun after `since` and went so. */
    const some = async (since: number, isWanted: (pull: Pull) => boolean) => {
      const enough = () =>
        images.every(
          (_, k) =>
            pulls.filter((pull) => pull.of === k && pull.begun > since && isWanted(pull)).length >=
            pullsMin,
        );
      for (const until = performance.now() + waitMsMax; !enough(); await Bun.sleep(20)) {
        if (performance.now() > until) throw new Error(JSON.stringify(pulls.slice(-9)));
      }
    };
    const doneSince = (since: number) => pulls.filter((pull) => pull.isDone && pull.begun > since);

    try {
      await some(0, ({ isDone }) => isDone);

      await ask(administrator, "DELETE", member);
      const removed = performance.now();
      await Bun.sleep(knownMsMax);
      await some(removed + knownMsMax, () => true);
      expect(doneSince(removed + knownMsMax)).toEqual([]);
      expect(pulls.at(-1)?.said).toMatch(/denied|not found|unauthorized/);
      const last = doneSince(removed).at(-1)?.ended ?? removed;

      await give();
      const given = performance.now() + knownMsMax;
      await some(given, ({ isDone }) => isDone);
      const path = `http://${host}/v2/${repository}/manifests/${going.descriptor.digest}`;
      const headers = { authorization: basic({ ...administrator, password: String(token) }) };
      expect((await fetch(path, { method: "DELETE", headers })).status).toBe(202);
      const deleted = performance.now();
      await some(deleted, ({ isDone, of }) => isDone !== (of === 0));
      expect(doneSince(deleted).filter(({ of }) => of === 0)).toEqual([]);
      console.log(
        `${pulls.length} pulls, ${doneSince(0).length} of them done; the last one ${Math.round(last - removed)} ms after the right had gone`,
      );
    } finally {
      isOver = true;
      await Promise.all(pullers);
    }
  },
  240,
);

/** `name:port` of the balancer. */
async function startNodes(): Promise<string> {
  const passwordFile = join(await folder("nodes-settings"), "password");
  await writeFile(passwordFile, administrator.password);
  const { host } = await startBehindBalancer(3, {
    BERTH_OPEN: "",
    BERTH_TRUSTED_PROXIES: "127.0.0.1",
    BERTH_ADMIN_PASSWORD_FILE: passwordFile,
  });
  return host;
}

async function signedInDocker(host: string) {
  const socket = await startDockerd("dockerd-of-bob", null);
  const env = { DOCKER_CONFIG: await folder("docker-of-bob") };
  const docker = ["docker", "--host", socket];
  const login = ["login", "--username", bob.name, "--password-stdin", host];
  await run([...docker, ...login], { env, stdin: bob.password });
  return (...words: string[]) => run([...docker, ...words], { env, mayFail: true });
}
