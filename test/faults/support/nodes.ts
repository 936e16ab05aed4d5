import { join } from "node:path";
import { type Balancer, startBalancer } from "../../support/balancer.ts";
import {
  type Child,
  freePort,
  projectFolder,
  spawnCommand,
  startChild,
  temporaryFolder,
} from "./child.ts";

/** One of several Berths on the same database and blobs. It keeps its port when it is started again. */
export interface Node {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** Its data folder. */
  readonly data: string;
  /** The process that runs now. Throws while none does. */
  child(): Child;
  kill(): Promise<void>;
  /** SIGTERM; resolves when requests under way have ended. Returns the exit code. */
  stop(): Promise<number>;
  /** SIGSTOP: it holds its connections and claims, and says nothing. */
  pause(): void;
  resume(): void;
  /** The program that it was, or the one in another folder. */
  start(program?: string): Promise<void>;
  /** A command on its data folder: it asks the node while that runs. */
  command(...args: string[]): Promise<{ code: number; output: string }>;
  /** What all its processes so far wrote. */
  output(): string;
}

export interface Nodes {
  readonly all: readonly Node[];
  readonly balancer: Balancer;
  /** Kills what still runs and removes the folders. */
  remove(): Promise<void>;
}

export interface NodesOptions {
  readonly count: number;
  /** What all have, or one has more than the others. */
  readonly env: (number: number) => Readonly<Record<string, string>>;
  /** A program that starts a node, as of `startChild`. */
  readonly wrapper?: (number: number) => readonly string[];
  /** The folder of the program, where it is another than this one. */
  readonly program?: string;
}

export async function startNodes({
  count,
  env,
  wrapper,
  program = projectFolder,
}: NodesOptions): Promise<Nodes> {
  const folder = temporaryFolder();
  const all: Node[] = [];
  const remove = async () => {
    await Promise.all(all.map((node) => node.kill()));
    folder.remove();
  };
  try {
    for (let number = 0; number < count; number++) {
      const data = join(folder.path, `${number}`);
      const port = await freePort();
      const options = { data, port, env: env(number), wrapper: wrapper?.(number) ?? [], program };
      all.push(createNode(`node ${number}`, options));
    }
    // The first one makes the tables: how several do that at once is a matter of its own.
    await all[0]?.start();
    await Promise.all(all.slice(1).map((node) => node.start()));
    const balancer = await startBalancer(all.map(({ port }) => port));
    return {
      all,
      balancer,
      async remove() {
        await balancer.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

type StartOptions = Required<Parameters<typeof startChild>[0]>;

function createNode(name: string, options: StartOptions): Node {
  let child: Child | null = null;
  let { program } = options;
  let earlier = "";
  const running = () => {
    if (child === null) throw new Error(`${name} does not run`);
    return child;
  };
  const ended = () => {
    earlier += child?.output() ?? "";
    child = null;
  };
  return {
    name,
    port: options.port,
    url: `http://127.0.0.1:${options.port}`,
    data: options.data,
    child: running,
    async kill() {
      await child?.kill();
      ended();
    },
    async stop() {
      const code = await running().stop();
      ended();
      return code;
    },
    pause: () => running().signal("SIGSTOP"),
    resume: () => running().signal("SIGCONT"),
    async start(other = program) {
      program = other;
      child = await startChild({ ...options, program });
    },
    command: (...args) => spawnCommand(options, ...args).ended,
    output: () => earlier + (child?.output() ?? ""),
  };
}
