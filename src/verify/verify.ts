import { letOthersRun } from "../lib/let-others-run.ts";
import { checkBlobs } from "./check-blobs.ts";
import { checkFiles } from "./check-files.ts";
import { checkLinks, checkManifests, checkTags, type Gap, listGaps } from "./check-rows.ts";
import { checkUploads } from "./check-uploads.ts";
import { exitCodeOf } from "./damage.ts";
import { type Checked, type Finding, type Suspect, settleMs, type VerifyDeps } from "./suspect.ts";

/** Findings of one run. With more it ends early and says so: repair these, then run again. */
const findingsMax = 10_000;
/** Gaps that a report names. */
const gapsNamedMax = 100;

export interface VerifyOptions {
  readonly repair: boolean;
  /** What tests shorten. */
  readonly settleMs?: number;
}

export interface VerifyReport {
  readonly checked: Checked;
  readonly findings: readonly VerifyFinding[];
  /** False when the run ended at its limit of findings. */
  readonly complete: boolean;
  readonly gaps: { readonly count: number; readonly named: readonly Gap[] };
  /** 0 when nothing was found; see `damage.ts`. */
  readonly exitCode: number;
}

export interface VerifyFinding extends Finding {
  /** What the repair did; null when it was not asked for or takes a person. */
  readonly repaired: string | null;
}

/**
 * Checks every stored byte and every reference, while pushes go on. Throws what the store or the
 * database throws: a check that could not look is no clean one.
 */
export async function verify(deps: VerifyDeps, options: VerifyOptions): Promise<VerifyReport> {
  const checked: Checked = {
    files: 0,
    blobs: 0,
    blobBytes: 0,
    manifests: 0,
    tags: 0,
    links: 0,
    uploads: 0,
  };
  const { suspects, complete } = await collect(deps, checked);
  if (suspects.length > 0) await Bun.sleep(options.settleMs ?? settleMs);
  const findings: VerifyFinding[] = [];
  for (const suspect of suspects) {
    await letOthersRun();
    if (!(await suspect.confirm())) continue;
    const repaired = options.repair ? await suspect.repair() : null;
    findings.push({ ...suspect.finding, repaired });
    logFinding(deps, suspect.finding, repaired);
  }
  const gaps = await countGaps(deps);
  const exitCode = exitCodeOf(findings.map((finding) => finding.kind));
  return { checked, findings, complete, gaps, exitCode };
}

async function collect(
  deps: VerifyDeps,
  checked: Checked,
): Promise<{ suspects: Suspect[]; complete: boolean }> {
  // Files before rows: what is pushed in between has its row when the rows are read.
  const checks = [checkFiles, checkUploads, checkLinks, checkTags, checkManifests, checkBlobs];
  const suspects: Suspect[] = [];
  for (const check of checks) {
    for await (const suspect of check(deps, checked)) {
      if (suspects.length === findingsMax) return { suspects, complete: false };
      suspects.push(suspect);
    }
  }
  return { suspects, complete: true };
}

async function countGaps(deps: VerifyDeps): Promise<VerifyReport["gaps"]> {
  const named: Gap[] = [];
  let count = 0;
  for await (const gap of listGaps(deps)) {
    count += 1;
    if (named.length < gapsNamedMax) named.push(gap);
  }
  return { count, named };
}

function logFinding({ log }: VerifyDeps, finding: Finding, repaired: string | null): void {
  const { kind, message, digest, path, repository } = finding;
  const done = repaired === null ? "" : `; repaired: ${repaired}`;
  log.warn(`Verify: ${message}${done}`, { damage: kind, digest, path, repository });
}
