import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestClock } from "../../test/support/auth-world.ts";
import { createAudit, resealAuditChain } from "../audit/audit.ts";
import { verifyAudit } from "../audit/audit-verify.ts";
import type { Database } from "../db/database.ts";
import { migrate } from "../db/migrations/migrate.ts";
import { openSqlite } from "../db/sqlite.ts";
import { KeyFileError, loadKeys, writeKeyFile } from "./key-file.ts";
import { createTokenIssuer } from "./registry-token.ts";
import { finishRotation, type Rederive, rotateKeys } from "./rotate-keys.ts";
import { createSecretBox, idOfKey, type SecretBox, sealedFor } from "./secret-box.ts";
import { listSigningKeys } from "./signing-key-store.ts";

let folder: string;
let db: Database;
const clock = createTestClock();
const keyFile = () => join(folder, "secret.key");
const keysInFile = () => loadKeys({ setting: [], folder });
const rederive: Rederive = async (tx, earlier, current) => {
  await resealAuditChain(tx, current, earlier);
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-keys-"));
  db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  await migrate(db, clock);
});
afterEach(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

describe("the key file", () => {
  test("is made once, for its owner alone", () => {
    const keys = keysInFile();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toHaveLength(32);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(keysInFile()).toEqual(keys);
    expect(existsSync(`${keyFile()}.new`)).toBe(false);
  });

  test("is not made where the setting has keys", () => {
    const key = Buffer.alloc(32, 9);
    expect(loadKeys({ setting: [key], folder })).toEqual([key]);
    expect(existsSync(keyFile())).toBe(false);
  });

  test("is replaced although an earlier attempt was cut off", () => {
    writeFileSync(`${keyFile()}.new`, "half a k");
    const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    writeKeyFile(folder, keys);
    expect(keysInFile()).toEqual(keys);
  });

  test.each([
    ["empty", ""],
    ["cut", `${Buffer.alloc(32, 1).toString("base64")}\nCANARY`],
    ["no key", "CANARY\n"],
    ["too long", `${Buffer.alloc(32, 1).toString("base64")}\n`.repeat(200)],
  ])("that is %s is refused, not replaced, and not repeated", (_what, text) => {
    writeFileSync(keyFile(), text, { mode: 0o600 });
    expect(keysInFile).toThrow(KeyFileError);
    expect(keysInFile).not.toThrow("CANARY");
    expect(readFileSync(keyFile(), "utf8")).toBe(text);
  });

  test("that everybody may read is refused", () => {
    keysInFile();
    chmodSync(keyFile(), 0o644);
    expect(keysInFile).toThrow("chmod");
  });
});

/** What a store holds that depends on the key. */
async function fill(box: SecretBox) {
  const tokens = createTokenIssuer({ db, clock, secrets: box, issuer: () => null });
  await tokens.rotateIfDue();
  const issued = await tokens.issue({ principal: { kind: "anonymous", scope: null }, access: [] });
  const audit = createAudit({ clock, secrets: box });
  const line = () =>
    db.transaction(async (tx) => {
      audit.append(tx, {
        actor: { id: null, name: "(operator)", credentialId: null, address: "" },
        action: "a.b",
        resource: "c",
        projectId: null,
        result: "done",
        detail: {},
      });
    });
  await line();
  await db.transaction(async (tx) => {
    for (let at = 0; at < 450; at++) {
      await tx
        .insertInto("idempotency_keys")
        .values({
          principal_id: "p",
          key: `${at}`,
          request_hash: "",
          answer: box.seal(`answer ${at}`, sealedFor.idempotencyAnswer),
          created_at: clock.now(),
        })
        .execute();
    }
  });
  return { token: issued.token, line };
}

/** A new process opens the store: everything must be there, under one key alone. */
async function expectWhole(token: string): Promise<void> {
  const box = createSecretBox(keysInFile());
  await finishRotation({ db, box, folder, rederive });
  const [key, ...more] = keysInFile();
  expect(more).toEqual([]);
  const alone = createSecretBox([key ?? Buffer.alloc(0)]);
  for (const row of await listSigningKeys(db.reads)) {
    expect(alone.open(row.private_key, sealedFor.signingKey(row.id))).toContain('"d"');
  }
  const answers = await db.reads.selectFrom("idempotency_keys").selectAll().execute();
  expect(answers).toHaveLength(450);
  for (const { key: at, answer } of answers) {
    expect(alone.open(answer, sealedFor.idempotencyAnswer)).toBe(`answer ${at}`);
  }
  expect(await verifyAudit(db.reads, alone)).toMatchObject({ problem: null });
  const tokens = createTokenIssuer({ db, clock, secrets: alone, issuer: () => null });
  expect(await tokens.verify(token)).toMatchObject({ holder: null });
}

describe("rotating the keys", () => {
  test("seals and derives everything again, and drops the earlier key", async () => {
    const [before = Buffer.alloc(0)] = keysInFile();
    const box = createSecretBox([before]);
    const { token, line } = await fill(box);
    const { keyId, resealed } = await rotateKeys({ db, box, folder, rederive });
    expect(resealed).toBe(451);
    expect(keysInFile().map(idOfKey)).toEqual([keyId]);
    expect(keyId).not.toBe(idOfKey(before));
    // The process goes on, with the key of now.
    await line();
    await expectWhole(token);
  });

  test("goes on at the next start, wherever a crash ended it", async () => {
    const box = createSecretBox(keysInFile());
    const { token } = await fill(box);
    // Each transaction of a rotation in turn is the one that is never made.
    for (let fatal = 1; ; fatal++) {
      let made = 0;
      const dying: Database = {
        ...db,
        reads: db.reads,
        stats: db.stats,
        transaction: (body) => {
          made += 1;
          if (made === fatal) throw new Error("the process ended");
          return db.transaction(body);
        },
      };
      const running = createSecretBox(keysInFile());
      const end = await rotateKeys({ db: dying, box: running, folder, rederive }).catch(String);
      await expectWhole(token);
      if (typeof end !== "string") break;
      expect(end).toContain("the process ended");
      expect(fatal).toBeLessThan(20);
    }
  });

  test("does not seal again what somebody changed in the meantime", async () => {
    const box = createSecretBox(keysInFile());
    await fill(box);
    await db.transaction((tx) =>
      tx
        .updateTable("audit_chain")
        .set({ hash: "0".repeat(64) })
        .execute(),
    );
    await rotateKeys({ db, box, folder, rederive });
    const report = await verifyAudit(db.reads, createSecretBox(keysInFile()));
    expect(report.problem).not.toBeNull();
  });

  test("that fails leaves a box that derives as before", async () => {
    const box = createSecretBox(keysInFile());
    const { line } = await fill(box);
    const before = box.derive("audit");
    const refusing: Rederive = async () => {
      throw new Error("no");
    };
    await expect(rotateKeys({ db, box, folder, rederive: refusing })).rejects.toThrow("no");
    expect(box.derive("audit")).toEqual(before);
    await line();
    // The next one ends it first.
    await rotateKeys({ db, box, folder, rederive });
    expect(keysInFile()).toHaveLength(1);
    expect(await verifyAudit(db.reads, box)).toMatchObject({ problem: null });
  });

  test("is for the operator where the setting has the keys, and ends at the next start", async () => {
    const old = Buffer.alloc(32, 3);
    const next = Buffer.alloc(32, 4);
    const box = createSecretBox([old]);
    await fill(box);
    await expect(rotateKeys({ db, box, folder: null, rederive })).rejects.toMatchObject({
      status: 409,
    });
    const started = createSecretBox([next, old]);
    await finishRotation({ db, box: started, folder: null, rederive });
    // The earlier key may now leave the setting.
    await finishRotation({ db, box: createSecretBox([next]), folder: null, rederive });
    expect(await verifyAudit(db.reads, createSecretBox([next]))).toMatchObject({ problem: null });
    expect(existsSync(keyFile())).toBe(false);
  });

  test("a start without the key of what is there says so", async () => {
    await fill(createSecretBox([Buffer.alloc(32, 3)]));
    const box = createSecretBox([Buffer.alloc(32, 4)]);
    await expect(finishRotation({ db, box, folder, rederive })).rejects.toThrow(
      idOfKey(Buffer.alloc(32, 3)),
    );
  });
});
