import { createRandom, type Random } from "../faults/support/random.ts";
import { audit, checkUsage, selfCheck } from "./audit.ts";
import { operate } from "./operate.ts";
import type { Plan, Robot, Round } from "./plan.ts";
import {
  copyOf,
  modelOfTemplate,
  openRegistry,
  type Registry,
  removeFolder,
  type Template,
} from "./registry.ts";
import { createSimDisk } from "./sim/disk.ts";
import { type SimWorld, simulate } from "./sim/runtime.ts";
import { createScheduler } from "./sim/scheduler.ts";
import { checkStore } from "./store-check.ts";
import { nameOf, type Target, type World } from "./world.ts";

/** What came of a plan. */
export interface Run {
  /** Of every choice and every answer: the same for the same seed, wherever it runs. */
  readonly hash: string;
  readonly operations: number;
  readonly crashes: number;
  /** None is what is wanted. */
  readonly violations: readonly string[];
  /** Who did what and what they were told, a line each. */
  readonly history: readonly string[];
}

const start = Date.UTC(2026, 0, 1);
const secondMs = 1000;
const dayMs = 24 * 60 * 60 * 1000;
/** After the last round: all that was deleted has left the trash and its bytes are gone. */
const restDays = 11;
/** Less than a day: garbage collection takes more for a clock that jumped. */
const nightMs = 20 * 60 * 60 * 1000;
/** Longer than the program waits between two looks for work in the background. */
const lookedMs = 6_000;

/** The process ended while an answer was awaited: nobody hears of it any more. */
class Gone extends Error {}

/** Plays a plan on the real program: all that it does not do itself comes from the seed. */
export async function simulatePlan(plan: Plan, template: Template, scratch: string): Promise<Run> {
  const simulation = new Simulation(plan, template, scratch);
  try {
    await simulation.play();
  } catch (error) {
    simulation.violations.push(`${(error as Error).stack ?? error}`);
  } finally {
    await simulation.end();
  }
  return simulation.result();
}

class Simulation {
  readonly violations: string[] = [];
  private readonly plan: Plan;
  private readonly template: Template;
  private readonly scratch: string;
  private readonly machine: SimWorld;
  private readonly random: Random;
  private readonly history: string[] = [];
  private readonly world: World;
  private folders = 0;
  private folder = "";
  private registry: Registry | null = null;
  /** The process is gone: nobody is asked nor heard. */
  private isDark = false;
  private operations = 0;
  private crashes = 0;

  constructor(plan: Plan, template: Template, scratch: string) {
    this.plan = plan;
    this.template = template;
    this.scratch = scratch;
    this.random = createRandom(plan.seed ^ 0x5eed);
    const scheduler = createScheduler(this.random.fork(), start);
    this.machine = { scheduler, random: this.random.fork(), disk: null };
    const target: Target = {
      now: () => scheduler.now,
      ask: (...asked) => this.ask(...asked),
    };
    this.world = {
      target,
      model: modelOfTemplate(),
      violation: (text) => {
        this.tell(`VIOLATION ${text}`);
        this.violations.push(text);
      },
    };
  }

  result(): Run {
    return {
      hash: this.machine.scheduler.hash(),
      operations: this.operations,
      crashes: this.crashes,
      violations: this.violations,
      history: this.history,
    };
  }

  private tell(line: string): void {
    const { scheduler } = this.machine;
    this.history.push(`${scheduler.steps} ${line}`);
    scheduler.note(line);
  }

  private async ask(...asked: Parameters<Target["ask"]>): ReturnType<Target["ask"]> {
    const { registry } = this;
    if (this.isDark || registry === null) throw new Gone();
    const answer = await registry.ask(...asked);
    if (this.isDark) throw new Gone();
    const [by, method, path] = asked;
    this.tell(`${nameOf(by)} ${method} ${withoutIds(path)} ${answer.status}`);
    return answer;
  }

  async play(): Promise<void> {
    simulate(this.machine);
    this.folder = this.newFolder();
    copyOf(this.template, this.folder);
    await this.open();
    for (const round of this.plan.rounds) {
      await this.playRound(round);
      if (this.violations.length > 0) return;
    }
    await this.rest();
  }

  private newFolder(): string {
    return `${this.scratch}/${this.plan.seed}-${this.folders++}`;
  }

  private async open(): Promise<void> {
    const disk = createSimDisk(this.folder);
    this.machine.disk = disk;
    const secrets: Readonly<Partial<Record<Robot, string>>> = this.template.secrets;
    this.registry = await this.machine.scheduler.direct(() => openRegistry(this.folder, secrets));
    disk.adoptLog();
    this.registry.start();
  }

  private async close(): Promise<void> {
    const { registry } = this;
    if (registry === null) return;
    this.registry = null;
    await this.machine.scheduler.direct(() => registry.close());
    for (const line of registry.errors) this.world.violation(`logged: ${line}`);
  }

  private async playRound(round: Round): Promise<void> {
    const { scheduler } = this.machine;
    if (round.advanceMs > 0) await this.finishWork();
    scheduler.advance(round.advanceMs);
    const first = scheduler.steps;
    let working = round.clients.length;
    const clients = round.clients.map(async (steps, number) => {
      try {
        for (const step of steps) {
          await scheduler.point(`client ${number}`);
          if (this.isDark) return;
          this.operations += 1;
          this.tell(`client ${number}: ${JSON.stringify(step)}`);
          if ("repository" in step.operation) this.world.model.use(step.operation.repository);
          await operate(this.world, step);
        }
      } catch (error) {
        if (!(error instanceof Gone)) this.violations.push(`${(error as Error).stack}`);
      } finally {
        working -= 1;
      }
    });
    const { end } = round;
    const isCut = () => "afterSteps" in end && scheduler.steps - first >= end.afterSteps;
    await scheduler.run(() => isCut() || (working === 0 && scheduler.isIdle));
    if ("afterSteps" in end) await this.crash(clients, end.kind);
    else await Promise.all(clients);
    if (end.kind === "restart") {
      await this.close();
      this.tell("restart");
      await this.open();
      await this.settle();
    }
    await this.audit();
    if ("afterSteps" in end) await scheduler.direct(() => selfCheck(this.world, "after a crash"));
  }

  /** Later than all that was done, as what is done next is later than what is seen now. */
  private async audit(): Promise<void> {
    const { scheduler } = this.machine;
    scheduler.advance(secondMs);
    await scheduler.direct(() => audit(this.world));
    scheduler.advance(secondMs);
  }

  /** What is left is all that was written; of a loss of power what was synced, and chance decides of the rest. */
  private async crash(
    clients: readonly Promise<void>[],
    kind: "power loss" | "kill",
  ): Promise<void> {
    const { scheduler, disk } = this.machine;
    const [before, after] = [this.folder, this.newFolder()];
    disk?.crashTo(after, kind === "kill" ? null : this.random);
    this.isDark = true;
    this.crashes += 1;
    this.tell(kind);
    const { registry } = this;
    await scheduler.direct(async () => {
      await Promise.all(clients);
      await registry?.close();
    });
    this.isDark = false;
    removeFolder(before);
    const { model } = this.world;
    model.stopAll();
    if (kind === "power loss") for (const left of model.leftUploads) left.mayBeGone = true;
    this.folder = after;
    await this.open();
    await this.settle();
  }

  /** What a start does beside requests has come to its end. */
  private async settle(): Promise<void> {
    await this.machine.scheduler.run(() => this.machine.scheduler.isIdle);
  }

  /** What was asked for in the background is done before hours pass: the program looks each five seconds. */
  private async finishWork(): Promise<void> {
    this.machine.scheduler.advance(lookedMs);
    await this.settle();
  }

  /** Days pass in which nobody does anything: what is needed stays, and nothing else does. */
  private async rest(): Promise<void> {
    const { scheduler } = this.machine;
    await this.finishWork();
    for (let passed = 0; passed < restDays * dayMs; passed += nightMs) {
      scheduler.advance(nightMs);
      await this.settle();
    }
    await this.finishWork();
    await this.audit();
    await scheduler.direct(async () => {
      await checkUsage(this.world);
      await selfCheck(this.world, "long after the last change");
    });
    await this.close();
    for (const found of checkStore(this.folder, "long after the last change")) {
      this.world.violation(found);
    }
  }

  async end(): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      this.violations.push(`closing: ${error}`);
    }
    simulate(null);
    removeFolder(this.folder);
  }
}

function withoutIds(path: string): string {
  return path.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|sha256:[0-9a-f]+/g, "…");
}
