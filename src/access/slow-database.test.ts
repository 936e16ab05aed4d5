/**
 * Goal: with a database that answers later, nobody is let in by what was read before a change that is
 * known by then, and one that is away widens nobody's rights. Method: SQLite whose prepared reads answer
 * when the test says so, or not at all.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type AccessWorld,
  decide,
  type Known,
  openAccessWorld,
  verdict,
} from "../../test/support/access-world.ts";
import { type Authenticator, createAuthenticator } from "../auth/authenticator.ts";
import { updatePrincipal } from "../auth/principal-store.ts";
import { createWorkloads } from "../auth/workloads.ts";
import type { Database } from "../db/database.ts";
import { DatabaseAwayError } from "../db/database-away.ts";
import type { PrincipalRow } from "../db/tables.ts";
import { createLog } from "../platform/log.ts";
import type { Access } from "./authorize.ts";

const home = () => "192.0.2.1";
const awayMsMax = 5 * 60_000;

let world: AccessWorld;
let slow: SlowDatabase;
let authenticator: Authenticator;
let access: Access;
let ada: Known;
let header: string;

beforeEach(async () => {
  world = await openAccessWorld();
  slow = slowDatabase(world.db);
  const { clock, tokens } = world;
  const log = createLog({ format: "json", level: "error", write() {} });
  const audit = { append: async () => {} };
  authenticator = createAuthenticator({
    ...{ db: slow.db, clock, log, audit, tokens },
    workloads: createWorkloads({ db: slow.db, clock }),
  });
  access = world.anotherAccess({ db: slow.db });
  ada = await world.addUser("ada");
  await world.addProject("team");
  await world.addRepository("team/app");
  await world.member("team", ada, "reader");
  const given = await world.give({ id: ada.id } as PrincipalRow, "token");
  header = `Bearer ${given.text}`;
});
afterEach(async () => {
  await authenticator.stop();
  await world.close();
});

const disable = () => world.change((tx) => updatePrincipal(tx, ada.id, { state: "disabled" }));
const revoke = () => world.change((tx) => tx.deleteFrom("grants").execute());
const pull = () => verdict(access, ada, "repository:pull", "team/app");
const identify = async () => await authenticator.identify(header, home);

describe("what was read before a change", () => {
  test("of this process is not remembered after it", async () => {
    const release = slow.hold("from principals");
    const early = identify();
    await slow.asked();
    await disable();
    authenticator.changed();
    release();
    await early;
    await expect(identify()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test("of another process is not remembered once that is known", async () => {
    const release = slow.hold("from principals");
    const early = identify();
    await slow.asked();
    await disable();
    world.clock.pass(1_000);
    const other = Promise.resolve(authenticator.identify("Bearer berth_pat_x", home));
    await expect(other).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    release();
    await early;
    await expect(identify()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test("makes no decision that outlasts it", async () => {
    for (const text of ["from projects p", "from grants g"]) {
      access.changed();
      const release = slow.hold(text);
      const early = pull();
      await slow.asked();
      await revoke();
      access.changed();
      release();
      await early;
      expect(await pull()).toBe("unseen");
      await world.member("team", ada, "reader");
      access.changed();
      expect(await pull()).toBe("yes");
    }
  });

  test("is no version: a look that began before it counts for nothing", async () => {
    expect(await pull()).toBe("yes");
    world.clock.pass(1_000);
    const release = slow.hold("from access_version");
    const early = pull();
    await slow.asked();
    await revoke();
    access.changed();
    release();
    await early;
    expect(await pull()).toBe("unseen");
  });
});

describe("while the database is away", () => {
  test("who was seen and what was decided holds, for five minutes", async () => {
    expect(await identify()).toMatchObject({ name: "ada" });
    expect(await pull()).toBe("yes");
    slow.isAway = true;
    for (let passed = 0; passed < awayMsMax - 10_000; passed += 10_000) {
      world.clock.pass(10_000);
      expect(await identify()).toMatchObject({ name: "ada" });
      expect(await pull()).toBe("yes");
    }
    world.clock.pass(20_000);
    await expect(identify()).rejects.toMatchObject({ status: 503 });
    await expect(pull()).rejects.toMatchObject({ status: 503 });
  });

  test("nothing is believed of whom nothing is known", async () => {
    expect(await pull()).toBe("yes");
    slow.isAway = true;
    await expect(identify()).rejects.toMatchObject({ status: 503 });
    const push = decide(access, ada, "repository:push", "other/app");
    await expect(push).rejects.toMatchObject({ status: 503 });
  });

  test("a change of this process ends what was known before it", async () => {
    expect(await identify()).toMatchObject({ name: "ada" });
    expect(await pull()).toBe("yes");
    slow.isAway = true;
    authenticator.changed();
    access.changed();
    await expect(identify()).rejects.toMatchObject({ status: 503 });
    await expect(pull()).rejects.toMatchObject({ status: 503 });
  });

  test("and back again, what was taken away meanwhile is gone within half a second", async () => {
    expect(await pull()).toBe("yes");
    slow.isAway = true;
    world.clock.pass(60_000);
    expect(await pull()).toBe("yes");
    await revoke();
    slow.isAway = false;
    world.clock.pass(500);
    expect(await pull()).toBe("unseen");
  });
});

interface SlowDatabase {
  readonly db: Database;
  isAway: boolean;
  /** Answers to statements with this text wait for what is returned to be called. */
  hold(text: string): () => void;
  /** Resolves when one of them was asked. */
  asked(): Promise<void>;
}

function slowDatabase(db: Database): SlowDatabase {
  let held: { text: string; gate: Promise<void>; note: () => void } | null = null;
  let asked: Promise<void> = Promise.resolve();
  const slow: SlowDatabase = {
    isAway: false,
    hold(text) {
      let release = () => {};
      let note = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      asked = new Promise<void>((resolve) => {
        note = resolve;
      });
      held = { text, gate, note };
      return () => {
        held = null;
        release();
      };
    },
    asked: () => asked,
    db: {
      ...db,
      reads: db.reads,
      stats: db.stats,
      prepare(text) {
        const read = db.prepare(text);
        return async (...params) => {
          if (slow.isAway) throw new DatabaseAwayError(null);
          // As of now, whenever the answer comes.
          const row = await read(...params);
          if (held !== null && text.includes(held.text)) {
            const { gate, note } = held;
            note();
            await gate;
          }
          return row as never;
        };
      },
    },
  };
  return slow;
}
