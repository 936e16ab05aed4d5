import { expect } from "bun:test";
import {
  type Child,
  projectFolder,
  spawnChild,
  startChild,
  temporaryFolder,
} from "../faults/support/child.ts";
import { createLoopImage, type LoopImage } from "../faults/support/loop-image.ts";
import { type Node, type Nodes, startNodes } from "../faults/support/nodes.ts";
import type { Random } from "../faults/support/random.ts";
import { openStack } from "../faults/support/stack.ts";
import { keepFailure } from "../support/failures.ts";
import { checkStore } from "./store-check.ts";
import { type Ground, type Life, type Torment, torment } from "./torment.ts";

/** What a failure is kept under, how often it ends, and chance. */
export interface Wanted {
  readonly name: string;
  readonly times: number;
  readonly random: Random;
}

const imageBytes = 256 * 1024 * 1024;
/** Answers that were sent before the stop are still on their way to the clients. */
const onTheirWayMs = 20;
const startMsMax = 500;
/** By then all nodes know of what one of them did, also where the machine is busy. */
const knownMs = 3_000;
const settings = { BERTH_OPEN: "" };

/** Prints what was done, and fails where something was lost. */
export function expectNothingLost(what: string, runs: readonly Torment[]): void {
  const sum = (of: "operations" | "ends") => runs.reduce((all, run) => all + run[of], 0);
  console.log(`${sum("ends")} ${what}, ${sum("operations")} operations of all kinds`);
  expect(runs.flatMap(({ violations }) => violations)).toEqual([]);
  expect(sum("operations")).toBeGreaterThan(sum("ends"));
}

export async function killRepeatedly(wanted: Wanted): Promise<Torment> {
  const { path, remove } = temporaryFolder();
  const place = {
    folder: () => path,
    end: (child: Child) => child.kill(),
    losesPower: false,
  };
  try {
    return await onOne(place, wanted);
  } finally {
    remove();
  }
}

/** Each time the next one starts on what the disk had. */
export async function losePowerRepeatedly(wanted: Wanted): Promise<Torment> {
  let image: LoopImage = createLoopImage(imageBytes, [], ["commit=600"]);
  const place = {
    folder: () => `${image.folder}/data`,
    async end(child: Child) {
      child.signal("SIGSTOP");
      await Bun.sleep(onTheirWayMs);
      const before = image;
      image = await before.copyAsOfPowerLoss();
      await child.kill();
      before.remove();
    },
    losesPower: true,
  };
  try {
    return await onOne(place, wanted);
  } finally {
    image.remove();
  }
}

interface Place {
  /** Where the next process starts. */
  folder(): string;
  end(child: Child): Promise<void>;
  readonly losesPower: boolean;
}

async function onOne(place: Place, wanted: Wanted): Promise<Torment> {
  const { random } = wanted;
  const start = () => startChild({ data: place.folder(), env: settings });
  let child = await start();
  const lifeOf = ({ url, output }: Child): Life => ({ url, folder: place.folder(), output });
  const ground: Ground = {
    first: lifeOf(child),
    losesPower: place.losesPower,
    end: () => place.end(child),
    async next() {
      // A start that recovers from one end may meet the next.
      if (random.chance(0.1)) {
        const short = await spawnChild({ data: place.folder(), env: settings });
        await Bun.sleep(random.below(startMsMax));
        await short.kill();
      }
      child = await start();
      return lifeOf(child);
    },
    async stop() {
      const code = await child.stop();
      const wrong = checkStore(place.folder(), "any time");
      return code === 0 ? wrong : [`exit code ${code} after SIGTERM`, ...wrong];
    },
  };
  try {
    return await keptOf(wanted, ground, place.folder);
  } finally {
    await child.kill();
  }
}

/** On PostgreSQL and S3. One of them is asked at a time, since others know a moment later of what it did. */
export async function killNodes(wanted: Wanted): Promise<Torment> {
  const stack = await openStack({ random: wanted.random.fork() });
  let nodes: Nodes | null = null;
  try {
    nodes = await startNodes({ count: 3, env: () => ({ ...stack.env, ...settings }) });
    const { all } = nodes;
    let asked = 0;
    const node = () => all[asked % all.length] as Node;
    const lifeOf = ({ url, data: folder, output }: Node): Life => ({ url, folder, output });
    const ground: Ground = {
      first: lifeOf(node()),
      losesPower: false,
      end: () => node().kill(),
      async next() {
        await Promise.all([node().start(), Bun.sleep(knownMs)]);
        asked += 1;
        return lifeOf(node());
      },
      async stop() {
        const codes = await Promise.all(all.map((one) => one.stop()));
        return codes.flatMap((code) => (code === 0 ? [] : [`exit code ${code} after SIGTERM`]));
      },
    };
    return await keptOf(wanted, ground, () => null);
  } finally {
    await nodes?.remove();
    await stack.stop();
  }
}

async function keptOf(
  { name, times, random }: Wanted,
  ground: Ground,
  folder: () => string | null,
): Promise<Torment> {
  const run = await torment(ground, times, random);
  if (run.violations.length > 0)
    console.log(keepFailure({ name, tree: projectFolder, history: run, data: folder() }));
  return run;
}
