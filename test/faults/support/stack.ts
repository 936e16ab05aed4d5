import { startPostgres, type TestPostgres } from "../../support/postgres.ts";
import { type S3FaultProxy, startS3FaultProxy } from "../../support/s3-fault-proxy.ts";
import {
  type S3Server,
  startStrictS3,
  startWeakS3,
  strictS3,
  testBucket,
  testCredentials,
} from "../../support/s3-servers.ts";
import { type FaultProxy, startFaultProxy } from "../../support/tcp-fault-proxy.ts";
import type { Random } from "./random.ts";

/** What nodes share: a PostgreSQL and an S3, each behind something that can make it fail. */
export interface Stack {
  /** Settings of a node. */
  readonly env: Readonly<Record<string, string>>;
  readonly postgres: TestPostgres;
  readonly wire: FaultProxy;
  readonly s3: S3FaultProxy;
  /** Uploads that a node is at, also for a client that has gone. */
  heldUploads(): Promise<number>;
  /** As if a day had gone by: nodes do all that they do now and then. */
  makeChoresDue(): Promise<void>;
  stop(): Promise<void>;
}

export interface StackOptions {
  readonly random: Random;
  /** Weak: checks no sums, has no conditional writes. Strict where it is installed, by default. */
  readonly s3?: "weak" | "strict";
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function openStack({ random, s3: kind, settings }: StackOptions): Promise<Stack> {
  const program = kind === "weak" ? null : strictS3();
  const server: S3Server = await (program === null ? startWeakS3() : startStrictS3(program));
  const postgres = await startPostgres(settings === undefined ? {} : { settings });
  const wire = await startFaultProxy(postgres.port);
  const s3 = await startS3FaultProxy(server.endpoint, () => random.below(1_000_000) / 1_000_000);
  const database = new URL(await postgres.createDatabase());
  database.port = `${wire.port}`;
  return {
    env: {
      ...testCredentials,
      BERTH_SECRET_KEY: Buffer.alloc(32, "faults").toString("base64"),
      BERTH_DATABASE: database.href,
      BERTH_BLOBS: `s3://${testBucket}/faults`,
      BERTH_S3_ENDPOINT: s3.url,
    },
    postgres,
    wire,
    s3,
    async heldUploads() {
      // One that has ended is held for ever, until it is cleared away.
      const now = "extract(epoch from now()) * 1000";
      const held = `held_by is not null and held_until between ${now} and ${now} + 60000`;
      const name = database.pathname.slice(1);
      const [row] = await postgres.run(`select count(*) as n from uploads where ${held}`, name);
      return Number(row?.["n"]);
    },
    async makeChoresDue() {
      await postgres.run("update chores set due_at = 0", database.pathname.slice(1));
    },
    async stop() {
      await wire.stop();
      await s3.stop();
      await postgres.remove();
      await server.stop();
    },
  };
}
