import { z } from "zod";
import { actorOf } from "../auth/principal.ts";
import { findPrincipal, findPrincipalByName } from "../auth/principal-store.ts";
import type { Reads } from "../db/database.ts";
import { change } from "./change.ts";
import { assertVersion, defineEndpoint, type Endpoint, nothing } from "./endpoint.ts";
import {
  deleteRateLimit,
  findRateLimit,
  insertRateLimit,
  listRateLimits,
  type StoredRateLimit,
  updateRateLimit,
} from "./rate-limit-store.ts";
import {
  formatTime,
  identifier,
  pageInput,
  pageOf,
  pageOutput,
  principalName,
  time,
} from "./schema.ts";
import { notFound } from "./unknown.ts";

const windowSecondsMax = 31 * 24 * 60 * 60;

const amount = z
  .int()
  .min(1)
  .max(1_000_000_000)
  .describe("How many in one window; it refills evenly.");
const windowSeconds = z.int().min(1).max(windowSecondsMax).describe("Length of the window.");

const limitOutput = z.object({
  id: z.string(),
  applies_to: z.enum(["anonymous", "user", "robot", "principal"]),
  name: z.string().nullable(),
  counts: z.enum(["pulls", "requests"]),
  amount: z.int(),
  window_seconds: z.int(),
  created_at: time,
  version: z.int(),
});

const list = defineEndpoint({
  method: "GET",
  path: "/api/v1/rate-limits",
  command: "rate-limit list",
  summary: "Lists the rate limits.",
  action: "system:manage",
  input: z.strictObject(pageInput),
  output: pageOutput(limitOutput),
  async handler({ db }, { limit, after }) {
    const rows = await listRateLimits(db.reads, { after, limit: limit + 1 });
    const page = pageOf(
      rows,
      limit,
      (row) => row.id,
      (row) => row,
    );
    const items = await Promise.all(page.items.map((row) => limitAnswer(db.reads, row)));
    return { items, next: page.next };
  },
});

const create = defineEndpoint({
  method: "POST",
  path: "/api/v1/rate-limits",
  command: "rate-limit create",
  words: [],
  summary: "Limits pulls or requests of one user or robot, of each of them, or of each network.",
  action: "system:manage",
  input: z
    .strictObject({
      applies_to: z
        .enum(["anonymous", "user", "robot", "principal"])
        .describe(
          "Each anonymous network (IPv4 address or IPv6 /64), each user, each robot, or the one principal that name names.",
        ),
      name: principalName.optional(),
      counts: z
        .enum(["pulls", "requests"])
        .describe("Pulls: a manifest that was sent; HEAD is free."),
      amount,
      window_seconds: windowSeconds,
    })
    .refine(
      ({ applies_to, name }) => (applies_to === "principal") === (name !== undefined),
      "name is given with applies_to principal, and only then",
    ),
  output: limitOutput,
  status: 201,
  version: (output) => output.version,
  async handler(deps, input, call) {
    const { applies_to: subject, name, counts } = input;
    const entry = {
      action: "rate_limit.created",
      resource: `rate limit of ${counts} for ${name ?? subject}`,
      detail: { amount: input.amount, window_seconds: input.window_seconds },
    };
    return change(deps, call, entry, async (tx) => {
      const subjectId = name === undefined ? null : await principalId(tx, name);
      const limit = await insertRateLimit(tx, {
        subject,
        subjectId,
        counts,
        amount: input.amount,
        windowSeconds: input.window_seconds,
        actor: actorOf(call.principal),
        now: deps.clock.now(),
      });
      return limitAnswer(tx, limit);
    });
  },
});

const inLimit = z.strictObject({ id: identifier });

const update = defineEndpoint({
  method: "PATCH",
  path: "/api/v1/rate-limits/{id}",
  command: "rate-limit update",
  summary: "Changes a rate limit.",
  action: "system:manage",
  input: inLimit.extend({ amount: amount.optional(), window_seconds: windowSeconds.optional() }),
  output: limitOutput,
  version: (output) => output.version,
  async handler(deps, { id, ...input }, call) {
    const changes = {
      ...(input.amount === undefined ? {} : { amount: input.amount }),
      ...(input.window_seconds === undefined ? {} : { windowSeconds: input.window_seconds }),
    };
    const entry = { action: "rate_limit.changed", resource: `rate limit ${id}`, detail: input };
    return change(deps, call, entry, async (tx) => {
      const limit = await getRateLimit(tx, id);
      assertVersion(call, limit.version);
      return limitAnswer(tx, (await updateRateLimit(tx, id, changes)) ?? limit);
    });
  },
});

const remove = defineEndpoint({
  method: "DELETE",
  path: "/api/v1/rate-limits/{id}",
  command: "rate-limit delete",
  summary: "Deletes a rate limit.",
  action: "system:manage",
  input: inLimit,
  output: nothing,
  status: 204,
  async handler(deps, { id }, call) {
    const entry = { action: "rate_limit.deleted", resource: `rate limit ${id}` };
    await change(deps, call, entry, async (tx) => {
      assertVersion(call, (await getRateLimit(tx, id)).version);
      await deleteRateLimit(tx, id);
    });
    return undefined;
  },
});

async function getRateLimit(reads: Reads, id: string): Promise<StoredRateLimit> {
  const limit = await findRateLimit(reads, id);
  if (limit === null) throw notFound(`rate limit ${id}`);
  return limit;
}

async function principalId(reads: Reads, name: string): Promise<string> {
  const principal = await findPrincipalByName(reads, name);
  if (principal === null) throw notFound(`user or robot ${name}`);
  return principal.id;
}

async function limitAnswer(
  reads: Reads,
  limit: StoredRateLimit,
): Promise<z.input<typeof limitOutput>> {
  const { subjectId } = limit;
  const principal = subjectId === null ? null : await findPrincipal(reads, subjectId);
  return {
    id: limit.id,
    applies_to: limit.subject,
    name: principal?.name ?? null,
    counts: limit.counts,
    amount: limit.amount,
    window_seconds: limit.windowSeconds,
    created_at: formatTime(limit.createdAt),
    version: limit.version,
  };
}

export const rateLimitEndpoints: readonly Endpoint[] = [list, create, update, remove];
