import { dlopen, FFIType, ptr } from "bun:ffi";
import { programName } from "./program-name.ts";

/**
 * What Bun reads from the environment before the program begins. scripts/launch.mjs sets the same
 * for the sources.
 */
export const runtimeSettings = {
  /** Threads for calls on files. Most of them wait for a disk, which takes more at a time than two cores. */
  UV_THREADPOOL_SIZE: "8",
  /**
   * Bytes. Decides how much garbage is let lie. 32 uploads to a slow disk beside 200 stalled readers
   * took 256 MB with the machine's memory (24 GiB), 231 MB with this, although a chunk that was written
   * frees its memory at once. It costs up to 0.2 s of processor time for each gigabyte received.
   */
  BUN_JSC_forceRAMSize: "134217728",
  /**
   * How small a share new objects may have of the heap before all of it is collected, not they alone. With
   * a third, as it is by default, a process of more than 100 MB collects all of it each second time, of more
   * than 115 MB each time: manifest GETs took a sixth more of the processor.
   */
  BUN_JSC_minEdenToOldGenerationRatio: "0.1",
  /** Milliseconds until memory that was freed goes back to the system: chunks of uploads come and go. */
  MIMALLOC_PURGE_DELAY: "10",
};

/**
 * Starts the executable over with these settings, once: they cannot be changed from within. What an
 * operator set stays. Does nothing for the sources, and where the C library is another one.
 */
export function applyRuntimeSettings(): void {
  if (!Bun.main.startsWith("/$bunfs/")) return;
  try {
    const libc = dlopen("libc.so.6", {
      getenv: { args: [FFIType.cstring], returns: FFIType.ptr },
      setenv: { args: [FFIType.cstring, FFIType.cstring, FFIType.i32], returns: FFIType.i32 },
      execv: { args: [FFIType.cstring, FFIType.ptr], returns: FFIType.i32 },
    });
    const { getenv, setenv, execv } = libc.symbols;
    const missing = Object.entries(runtimeSettings).filter(([name]) => getenv(text(name)) === null);
    if (missing.length === 0) return;
    for (const [name, value] of missing) setenv(text(name), text(value), 0);
    // What it is called decides what it does.
    const words = [programName() || "berth", ...process.argv.slice(2)].map(text);
    const table = new BigUint64Array(words.length + 1);
    for (const [index, word] of words.entries()) table[index] = BigInt(ptr(word));
    // Returns only when it failed.
    execv(text("/proc/self/exe"), ptr(table));
  } catch {
    // It runs all the same, with fewer threads, more garbage and more memory.
  }
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
