import type { Random } from "../faults/support/random.ts";
import { audit, selfCheck } from "./audit.ts";
import { operate } from "./operate.ts";
import { askOverHttp } from "./over-http.ts";
import { makeStep } from "./plan.ts";
import { makeTeam, modelOfTemplate, type Template } from "./registry.ts";
import { nameOf, type World } from "./world.ts";

/** A process of the program that is asked. */
export interface Life {
  readonly url: string;
  /** Its data folder. */
  readonly folder: string;
  output(): string;
}

/** What the program runs on, and how it ends there. */
export interface Ground {
  readonly first: Life;
  /** Ends the one that is asked, at once. */
  end(): Promise<void>;
  /** Where to go on, when it answers. */
  next(): Promise<Life>;
  /** Stops what runs. Returns what is wrong with what it leaves. */
  stop(): Promise<readonly string[]>;
  /** What nobody was promised may be gone after an end. */
  readonly losesPower: boolean;
}

/** What came of it. */
export interface Torment {
  readonly operations: number;
  readonly ends: number;
  /** None is what is wanted. */
  readonly violations: readonly string[];
  /** The last of who did what and what they were told. */
  readonly history: readonly string[];
  /** The data folder of the one that was asked last. */
  readonly folder: string;
}

const clients = 6;
/** Requests after which it ends, at most; by their number, since machines differ in speed. */
const requestsMax = 250;
const roundMsMax = 5_000;
const historyMax = 5_000;
/** The program's times are milliseconds: what is done next is later than what is seen now. */
const laterMs = 5;

/** Nobody hears of what is under way any more. */
class Gone extends Error {}

/**
 * The real program in a process of its own: clients do all that there is to do until it ends, and where it
 * goes on everything is held against what was acknowledged.
 */
export async function torment(ground: Ground, times: number, random: Random): Promise<Torment> {
  const { url, folder } = ground.first;
  const nobody = { folder, secrets: {} as Template["secrets"] };
  const secrets = await makeTeam(askOverHttp(url, nobody));
  return await new Play(ground, secrets, random).play(times);
}

class Play {
  private readonly ground: Ground;
  private readonly secrets: Template["secrets"];
  private readonly random: Random;
  private readonly violations: string[] = [];
  private readonly history: string[] = [];
  private readonly world: World;
  private life: Life;
  /** Answers of this life are heard. */
  private hearing = new AbortController();
  /** It is being ended: answers may be heard still, and connections break. */
  private isEnding = false;
  private requests = 0;
  private operations = 0;
  private ends = 0;

  constructor(ground: Ground, secrets: Template["secrets"], random: Random) {
    this.ground = ground;
    this.life = ground.first;
    this.secrets = secrets;
    this.random = random;
    this.world = {
      model: modelOfTemplate(),
      target: { now: () => Date.now(), ask: (...asked) => this.ask(...asked) },
      violation: (text) => {
        this.tell(`VIOLATION ${text}`);
        this.violations.push(text);
      },
    };
  }

  private tell(line: string): void {
    if (this.history.push(line) > historyMax * 2) this.history.splice(0, historyMax);
  }

  private async ask(...asked: Parameters<World["target"]["ask"]>) {
    const { secrets, life } = this;
    const { signal } = this.hearing;
    if (signal.aborted) throw new Gone();
    this.requests += 1;
    const told = `${nameOf(asked[0])} ${asked[1]} ${asked[2]}`;
    try {
      const template = { folder: life.folder, secrets };
      const answer = await askOverHttp(life.url, template, signal)(...asked);
      if (signal.aborted) throw new Gone();
      this.tell(`${told} ${answer.status}`);
      return answer;
    } catch (error) {
      if (this.isEnding || signal.aborted) throw new Gone();
      throw new Error(`${told}: ${error}\n${life.output()}`);
    }
  }

  async play(times: number): Promise<Torment> {
    try {
      for (let round = 0; round < times && this.violations.length === 0; round++) {
        await this.playRound();
      }
      this.violations.push(...(await this.ground.stop()));
    } catch (error) {
      this.violations.push((error as Error).stack ?? `${error}`);
    }
    const { operations, ends, violations, history, life } = this;
    return { operations, ends, violations, history, folder: life.folder };
  }

  private async playRound(): Promise<void> {
    const { world, random } = this;
    const last = this.requests + random.below(requestsMax);
    const until = performance.now() + roundMsMax;
    const working = Array.from({ length: clients }, (_, number) =>
      this.work(number, random.fork()),
    );
    while (this.requests < last && performance.now() < until && this.violations.length === 0) {
      await Bun.sleep(1);
    }
    await this.end(working);
    this.life = await this.ground.next();
    this.hearing = new AbortController();
    await audit(world);
    await selfCheck(world, "after a crash");
    await Bun.sleep(laterMs);
  }

  private async work(number: number, own: Random): Promise<void> {
    try {
      while (this.violations.length === 0) {
        const step = makeStep(own);
        this.tell(`client ${number}: ${JSON.stringify(step)}`);
        if ("repository" in step.operation) this.world.model.use(step.operation.repository);
        await operate(this.world, step);
        this.operations += 1;
      }
    } catch (error) {
      if (!(error instanceof Gone)) this.violations.push((error as Error).stack ?? `${error}`);
    }
  }

  private async end(working: readonly Promise<void>[]): Promise<void> {
    const { ground, world } = this;
    this.isEnding = true;
    await ground.end();
    this.tell("the end of the process");
    this.hearing.abort();
    await Promise.all(working);
    this.isEnding = false;
    this.ends += 1;
    world.model.stopAll();
    if (ground.losesPower) for (const left of world.model.leftUploads) left.mayBeGone = true;
  }
}
