import { createHash } from "node:crypto";
import { bytesOf } from "./random.ts";

/** One change that a client asked for. It ended when the registry acknowledged it; else `Infinity`. */
interface Write<V> {
  readonly value: V;
  readonly begun: number;
  ended: number;
}

/** A thing that clients change: a tag, or whether a blob is there. The first write is its start. */
export interface Register<V> {
  writes: Write<V>[];
}

/** Bytes are not kept: the seed makes them again. */
export interface Content {
  readonly digest: string;
  readonly size: number;
  readonly seed: number;
}

export interface Image {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
  /** Config and layers. */
  readonly blobs: readonly Content[];
  /** Manifests that an index lists. */
  readonly children: readonly string[];
}

/** An upload session left open, to be taken up again. */
export interface Session {
  readonly repository: string;
  readonly location: string;
  readonly content: Content;
  /** Where the last answer said that it is. */
  acknowledged: number;
  /** Where it may be, if what was under way got through. */
  reached: number;
  /** A PUT or a DELETE was under way. */
  ending: boolean;
}

/** What clients know of a registry: everything that was acknowledged, and what may have happened. */
export interface Ledger {
  /** By `repository digest`: is it visible there? */
  readonly blobs: Map<string, Register<boolean>>;
  readonly manifests: Map<string, Register<boolean>>;
  /** By `repository tag`: the digest, or null. */
  readonly tags: Map<string, Register<string | null>>;
  readonly sessions: Map<string, Session>;
  readonly images: Map<string, Image>;
  /** Keys of what was written since the last audit; they are looked at first. */
  readonly touched: Set<string>;
  clock: number;
  acknowledgedPushes: number;
  /** What the registry did and must not do. */
  readonly violations: string[];
}

export function createLedger(): Ledger {
  return {
    blobs: new Map(),
    manifests: new Map(),
    tags: new Map(),
    sessions: new Map(),
    images: new Map(),
    touched: new Set(),
    clock: 0,
    acknowledgedPushes: 0,
    violations: [],
  };
}

/** The ledger as of now; what is under way stays so in the copy. */
export function copyLedger(ledger: Ledger): Ledger {
  return structuredClone(ledger);
}

/** The changes of one request: all of them happened or none did. */
export interface Change {
  acknowledge(): void;
  /** The registry said that it did nothing. */
  drop(): void;
}

export function begin<V>(
  ledger: Ledger,
  registers: Map<string, Register<V>>,
  key: string,
  value: V,
  initial: V,
): Change {
  let register = registers.get(key);
  if (register === undefined) {
    register = { writes: [{ value: initial, begun: -1, ended: -1 }] };
    registers.set(key, register);
  }
  ledger.touched.add(key);
  const write: Write<V> = { value, begun: ledger.clock++, ended: Number.POSITIVE_INFINITY };
  register.writes.push(write);
  const writes = register;
  return {
    acknowledge() {
      write.ended = ledger.clock++;
      prune(writes);
    },
    drop() {
      writes.writes = writes.writes.filter((other) => other !== write);
    },
  };
}

/** A write counts no more once another one was acknowledged that began after it had ended. */
function prune<V>(register: Register<V>): void {
  const acknowledged = register.writes.filter((write) => write.ended !== Number.POSITIVE_INFINITY);
  const newest = Math.max(...acknowledged.map((write) => write.begun));
  register.writes = register.writes.filter((write) => write.ended >= newest);
}

/** The values that a reader may find now. */
export function possible<V>(register: Register<V> | undefined): V[] {
  return register === undefined ? [] : [...new Set(register.writes.map((write) => write.value))];
}

/** After a restart nothing is under way: what was found is what holds. */
export function settle<V>(ledger: Ledger, register: Register<V>, found: V): void {
  const at = ledger.clock++;
  register.writes = [{ value: found, begun: at, ended: at }];
}

export function contentOf(seed: number, size: number): Content {
  return { digest: digestOf(bytesOf(seed, size)), size, seed };
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
