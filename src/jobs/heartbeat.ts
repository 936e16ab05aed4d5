import type { Database } from "../db/database.ts";
import { nowOf, readNow } from "../db/database-clock.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../platform/log.ts";
import { endAllLeases } from "./chore-store.ts";
import { forgetNodes, noteNode, removeNode, removeNodes, wasAnyNodeSeen } from "./node-store.ts";

const beatEveryMs = 10_000;
/** A node that was not heard of for so long is said to be gone. */
export const silentMsMax = 30_000;
/** So long a node that is gone is listed. */
const forgottenAfterMs = 60 * 60 * 1_000;
/** By how much a clock may differ from the database's before its node removes nothing any more. */
export const clockDifferenceMsMax = 60_000;

/** This server among those of its database. */
export interface Node {
  /** Of this start. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

export interface Heartbeat {
  /** Puts the node into the list, now or as soon as the database lets it. `address`: where it listens. */
  start(address: string, processes: number): Promise<void>;
  /** Takes it out. */
  stop(): Promise<void>;
  /** By how much the clock here is ahead of the database's, as last seen. */
  readonly clockAheadMs: number;
  /** False while the clock here is so wrong that it must not decide what is old. */
  mayDelete(): boolean;
}

export interface HeartbeatDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: Node;
  /** What tests shorten. */
  readonly beatEveryMs?: number;
}

/** Whether a node of this database was heard of lately; one that was just killed counts too. */
export async function isAnyNodeLive(db: Database, clock: Clock): Promise<boolean> {
  const now = await readNow(db.reads, nowOf(db, clock));
  return await wasAnyNodeSeen(db.reads, now - silentMsMax);
}

/** Tells the other nodes that this one lives, and compares clocks. A node that is alone says so once. */
export function createHeartbeat(deps: HeartbeatDeps): Heartbeat {
  const { db, clock, log, node } = deps;
  const isAlone = db.facts.oneServer;
  let clockAheadMs = 0;
  let isListed = false;
  let isSilent = false;
  let timer: Timer | undefined;
  let beating: Promise<void> | null = null;

  async function compareClocks(): Promise<void> {
    const before = clock.now();
    const there = await readNow(db.reads, nowOf(db, clock));
    const wasRight = mayDelete();
    clockAheadMs = Math.round((before + clock.now()) / 2 - there);
    if (mayDelete() === wasRight) return;
    const fields = { ahead_ms: clockAheadMs };
    if (!wasRight) log.info("The clock of this node agrees with the database's again", fields);
    else {
      const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
      log.error(
        `The clock of this node is ${seconds} s off the database's: it removes nothing and tells no webhooks until that is mended`,
        fields,
      );
    }
  }

  async function list(address: string, processes: number): Promise<void> {
    // A database that one server has goes by that server's clock.
    if (!isAlone) await compareClocks();
    await db.transactionUnsynced(async (tx) => {
      const now = nowOf(db, clock);
      if (isAlone && !isListed) {
        await removeNodes(tx);
        await endAllLeases(tx);
      }
      await noteNode(tx, { ...node, address, processes, clock_ahead_ms: clockAheadMs }, now);
      await forgetNodes(tx, forgottenAfterMs, now);
    });
    isListed = true;
  }

  async function beat(address: string, processes: number): Promise<void> {
    try {
      await list(address, processes);
      isSilent = false;
    } catch (error) {
      if (!isSilent) log.warn("Cannot tell other nodes that this one lives", { error });
      isSilent = true;
    }
  }

  function mayDelete(): boolean {
    return Math.abs(clockAheadMs) <= clockDifferenceMsMax;
  }

  return {
    get clockAheadMs() {
      return clockAheadMs;
    },
    mayDelete,
    async start(address, processes) {
      await beat(address, processes);
      timer = setInterval(() => {
        if (isAlone && isListed) return;
        // A database that answers late is not asked again meanwhile.
        beating ??= beat(address, processes).finally(() => {
          beating = null;
        });
      }, deps.beatEveryMs ?? beatEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await beating;
      await db.transactionUnsynced((tx) => removeNode(tx, node.id)).catch(() => {});
    },
  };
}
