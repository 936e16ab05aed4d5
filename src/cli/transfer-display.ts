import type { CopyProgress } from "../client/copy-image.ts";
import type { BlobFacts } from "../client/image-store.ts";
import { shortDigest } from "../client/stored-manifest.ts";

/** How often a terminal is written over. */
const drawEveryMs = 100;
const barCharacters = 24;
/** Elsewhere only what is larger gets a line of its own. */
const lineBytesMin = 1024 * 1024;

export interface TransferDisplay extends CopyProgress {
  stop(): void;
}

/** Bars on a terminal, a line for each larger blob elsewhere; on standard error. */
export function createTransferDisplay(): TransferDisplay {
  return process.stderr.isTTY === true ? createBars() : createLines();
}

function createLines(): TransferDisplay {
  return {
    expect() {},
    begin() {},
    told() {},
    end(blob, how) {
      if (blob.sizeBytes >= lineBytesMin || how === "mounted") {
        process.stderr.write(`${nameOf(blob)}: ${outcomes[how]}\n`);
      }
    },
    stop() {},
  };
}

const outcomes = { copied: "copied", mounted: "mounted", there: "is there already" } as const;

function createBars(): TransferDisplay {
  const underWay = new Map<BlobFacts, number>();
  let expected = 0;
  let done = 0;
  let finished = 0;
  let blobs = 0;
  let drawn = 0;
  const began = performance.now();
  const draw = () => {
    const inWork = [...underWay.values()].reduce((sum, bytes) => sum + bytes, 0);
    const all = done + inWork;
    const seconds = Math.max(0.001, (performance.now() - began) / 1000);
    const lines = [...underWay].map(([blob, bytes]) =>
      bar(shortDigest(blob.digest), bytes, blob.sizeBytes),
    );
    lines.push(
      `${bar(`${finished} of ${blobs} blobs`, all, expected)}, ${megabytes(all / seconds)} MB/s`,
    );
    const up = drawn === 0 ? "" : `\u001b[${drawn}A`;
    process.stderr.write(`${up}\r\u001b[J${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, drawEveryMs);
  return {
    expect({ sizeBytes }) {
      expected += sizeBytes;
      blobs += 1;
    },
    begin(blob) {
      underWay.set(blob, 0);
    },
    told(blob, bytes) {
      underWay.set(blob, (underWay.get(blob) ?? 0) + bytes);
    },
    end(blob) {
      underWay.delete(blob);
      done += blob.sizeBytes;
      finished += 1;
    },
    stop() {
      clearInterval(timer);
      draw();
    },
  };
}

function bar(label: string, bytes: number, ofBytes: number): string {
  const share = ofBytes === 0 ? 1 : Math.min(1, Math.max(0, bytes / ofBytes));
  const full = Math.round(share * barCharacters);
  const drawn = `${"=".repeat(full)}${" ".repeat(barCharacters - full)}`;
  return `${label.padEnd(19)} [${drawn}] ${megabytes(bytes)} of ${megabytes(ofBytes)} MB`;
}

function nameOf({ digest, sizeBytes }: BlobFacts): string {
  return `${shortDigest(digest)} (${megabytes(sizeBytes)} MB)`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
