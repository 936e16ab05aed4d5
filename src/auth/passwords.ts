import { availableParallelism } from "node:os";
import { systemClock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { PasswordReply, PasswordRequest } from "./password-worker.ts";

/** Bytes in UTF-8. Nothing is cut off: other hashes ignore what is behind the 72nd byte. */
const passwordBytesMin = 8;
const passwordBytesMax = 1024;

/** At least what OWASP asks for: argon2id with 19 MiB and two passes. */
const parameters = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const currentForm = "$argon2id$v=19$m=19456,t=2,p=1$";

const cores = availableParallelism();
/** One core is left to everybody else while somebody floods the sign-in. */
const atOnce = Math.min(2, Math.max(1, cores - 1));
const waitingMax = 32;
/** Where one of two cores would be taken as long as anybody waits, it is taken a third of the time. */
const restsPerCheck = cores <= 2 ? 2 : 0;
/** A check that takes longer than it should has given way already. */
const restMsMax = 100;

/** Of 32 random bytes that nobody kept: compared with where there is no password, so that it takes as long. */
const dummyHash =
  "$argon2id$v=19$m=19456,t=2,p=1$35BUI33+TbXinOdqTAkmCyBEc3Bp8UGjwH0xZ2U3Jdg$ar5LYzgU5/Jf1QTt5NYt2QPM0dxWM8rL6edkYRwGweE";

/**
 * argon2id, in PHC form. Throws RegistryError 400 for a length that is not allowed, and 429 when too
 * many wait.
 */
export async function hashPassword(text: string): Promise<string> {
  const bytes = Buffer.byteLength(text);
  if (bytes < passwordBytesMin || bytes > passwordBytesMax) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `a password must be ${passwordBytesMin} to ${passwordBytesMax} bytes long`,
    });
  }
  if (text.startsWith("berth_")) {
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: 'a password must not begin with "berth_", as tokens do',
    });
  }
  return await inTurn(() => Bun.password.hash(text, parameters));
}

/**
 * Takes as long without a hash as with a wrong one: pass null for whoever has none or is not there.
 * Throws RegistryError 429 when too many wait.
 */
export async function verifyPassword(text: string, hash: string | null): Promise<boolean> {
  const bytes = Buffer.byteLength(text);
  // Nobody has such a password, whatever their name is.
  if (bytes < passwordBytesMin || bytes > passwordBytesMax) return false;
  const compared = hash ?? dummyHash;
  const matches = await inTurn((waited) =>
    waited ? compareBehindOthers(text, compared) : Bun.password.verify(text, compared, "argon2id"),
  );
  return matches && hash !== null;
}

/** Whether it was made with other parameters than a new one would be. */
export function isOutdated(hash: string): boolean {
  return !hash.startsWith(currentForm);
}

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: (waited: boolean) => Promise<T>): Promise<T> {
  const waits = running >= atOnce;
  if (waits) {
    if (waiting.length >= waitingMax) {
      throw new RegistryError("TOOMANYREQUESTS", {
        message: "too many sign-ins with a password wait already: try again in a few seconds",
        headers: { "retry-after": "5" },
      });
    }
    // Whoever ends hands its place over, so that nobody who comes meanwhile takes it.
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running += 1;
  }
  const began = systemClock.monotonic();
  try {
    return await work(waits);
  } finally {
    const restMs = Math.min(restsPerCheck * (systemClock.monotonic() - began), restMsMax);
    if (restMs > 0 && waiting.length > 0) setTimeout(handOver, restMs);
    else handOver();
  }
}

function handOver(): void {
  const next = waiting.shift();
  if (next === undefined) running -= 1;
  else next();
}

/** Those that have nothing to do. */
const workers: PasswordWorker[] = [];

/** For whoever had to wait, as in a flood. A sign-in at quiet times gives way to nobody. */
async function compareBehindOthers(text: string, hash: string): Promise<boolean> {
  const worker = workers.pop() ?? startWorker();
  const reply = await worker.ask({ text, hash });
  workers.push(worker);
  if (reply.kind === "failed") throw new Error(reply.message);
  return reply.matches;
}

interface PasswordWorker {
  /** One question at a time. */
  ask(request: PasswordRequest): Promise<PasswordReply>;
}

function startWorker(): PasswordWorker {
  const worker = new Worker(new URL("./password-worker.ts", import.meta.url));
  worker.unref();
  let asked = Promise.withResolvers<PasswordReply>();
  worker.onmessage = ({ data }: MessageEvent<PasswordReply>) => {
    // Behind the event, during which there is no other: who goes on may wait for one (`rejects` of Bun's tests).
    setImmediate(() => asked.resolve(data));
  };
  worker.onerror = ({ message }) => asked.reject(new Error(message));
  return {
    ask(request) {
      asked = Promise.withResolvers();
      worker.postMessage(request);
      return asked.promise;
    },
  };
}
