import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAudit } from "../../src/audit/audit.ts";
import { bumpAccessVersion } from "../../src/auth/access-version-store.ts";
import { type Authenticator, createAuthenticator } from "../../src/auth/authenticator.ts";
import { insertCredential, type NewCredential } from "../../src/auth/credential-store.ts";
import { insertPrincipal, type NewPrincipal } from "../../src/auth/principal-store.ts";
import { createTokenIssuer, type TokenIssuer } from "../../src/auth/registry-token.ts";
import { createSecretBox, type SecretBox } from "../../src/auth/secret-box.ts";
import { createWorkloads, type Workloads } from "../../src/auth/workloads.ts";
import type { Database, Tx } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrations/migrate.ts";
import { openSqlite } from "../../src/db/sqlite.ts";
import type { AuditRow, CredentialRow, PrincipalRow } from "../../src/db/tables.ts";
import { makeSecret, type SecretPrefix } from "../../src/lib/secret-text.ts";
import { createLog } from "../../src/platform/log.ts";

/** A database with nobody in it, what signs people in, and a clock that stands still. */
export interface AuthWorld {
  readonly folder: string;
  readonly db: Database;
  readonly clock: TestClock;
  readonly secrets: SecretBox;
  readonly tokens: TokenIssuer;
  readonly workloads: Workloads;
  readonly authenticator: Authenticator;
  /** Another process on the same database. */
  another(): Authenticator;
  /** Everything that was logged. */
  logged(): string;
  add(principal: Partial<NewPrincipal> & { name: string }): Promise<PrincipalRow>;
  /** A secret and its row. */
  give(
    principal: PrincipalRow,
    kind: keyof typeof prefixes,
    rest?: Partial<NewCredential>,
  ): Promise<{ text: string; row: CredentialRow }>;
  /** As the rest of the program changes who may do what. */
  change(body: (tx: Tx) => Promise<unknown>): Promise<void>;
  auditLines(): Promise<AuditRow[]>;
  close(): Promise<void>;
}

export interface TestClock {
  now(): number;
  monotonic(): number;
  pass(ms: number): void;
}

const prefixes: Record<Exclude<CredentialRow["kind"], "workload">, SecretPrefix> = {
  token: "berth_pat_",
  secret: "berth_robot_",
  refresh: "berth_refresh_",
  session: "berth_session_",
};

export async function openAuthWorld(): Promise<AuthWorld> {
  const folder = mkdtempSync(join(tmpdir(), "berth-auth-"));
  const clock = createTestClock();
  const db = openSqlite({ file: join(folder, "berth.db"), onFailure() {} });
  await migrate(db, clock);
  const secrets = createSecretBox([Buffer.alloc(32, 1)]);
  let lines = "";
  const write = (text: string) => {
    lines += text;
  };
  const log = createLog({ format: "json", level: "debug", write });
  const audit = createAudit({ clock, secrets });
  const issuer = () => "https://registry.example";
  const tokens = createTokenIssuer({ db, clock, secrets, issuer });
  await tokens.rotateIfDue();
  const workloads = createWorkloads({ db, clock });
  const authenticator = createAuthenticator({ db, clock, log, audit, tokens, workloads });
  return {
    folder,
    db,
    clock,
    secrets,
    tokens,
    workloads,
    authenticator,
    another: () =>
      createAuthenticator({
        ...{ db, clock, log, audit, tokens },
        workloads: createWorkloads({ db, clock }),
      }),
    logged() {
      log.flush();
      return lines;
    },
    add: (principal) =>
      db.transaction((tx) =>
        insertPrincipal(tx, { kind: "user", now: clock.now(), createdBy: null, ...principal }),
      ),
    async give(principal, kind, rest = {}) {
      const { text, hash } = makeSecret(prefixes[kind]);
      const row = await db.transaction((tx) =>
        insertCredential(tx, {
          principalId: principal.id,
          kind,
          hash,
          now: clock.now(),
          createdBy: null,
          ...rest,
        }),
      );
      return { text, row };
    },
    async change(body) {
      await db.transaction(async (tx) => {
        await body(tx);
        await bumpAccessVersion(tx);
      });
    },
    auditLines: () => db.reads.selectFrom("audit").selectAll().orderBy("seq").execute(),
    async close() {
      await authenticator.stop();
      await db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function createTestClock(start = 1_800_000_000_000): TestClock {
  let now = start;
  return {
    now: () => now,
    monotonic: () => now - start,
    pass(ms) {
      now += ms;
    },
  };
}
