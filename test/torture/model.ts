import { anything, type Begun, Register } from "./register.ts";
import { below, blobs, isOfRule, manifests, manifestWith, projectOf, tags } from "./universe.ts";
import type { Span } from "./world.ts";

/** Of a blob that was uploaded or mounted; one that a HEAD confirmed has at least half of it. */
export const leaseMs = 24 * 60 * 60 * 1000;

/** What becomes of what. */
type Writes = readonly (readonly [
  Register<boolean> | Register<string | null>,
  boolean | string | null | typeof anything,
])[];

/** A tag as it was seen while nobody wrote. */
export interface Moment {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly at: number;
  readonly tick: number;
}

/** An upload whose client went away, and may come back. */
export interface LeftUpload {
  readonly repository: string;
  readonly location: string;
  readonly blob: number;
  readonly by: string;
  readonly acknowledged: number;
  readonly sent: number;
  readonly touchedAt: number;
  /** A power cut may take what nobody was promised. */
  mayBeGone: boolean;
  /** Its end was asked for, and nobody heard what came of that. */
  readonly mayHaveEnded: boolean;
}

/** A request that is sent again with its key until its answer is heard. */
export interface Repetition {
  readonly key: string;
  readonly firstAt: number;
}

/** What was acknowledged, what is in doubt, and what of it may be found by whom. */
export class Model {
  /** Orders what clients do: each begin and each end is another number. */
  private ticks = 0;
  private readonly registers = new Map<string, Register<unknown>>();
  private readonly open = new Set<Begun>();
  private readonly leases = new Map<string, number>();
  /** When in a repository something was last removed, by tick. */
  private readonly disturbed = new Map<string, number>();
  /** Manifests that somebody may have pushed, by repository and digest. */
  private readonly pushed = new Set<string>();
  /** Repositories in which somebody may have changed something. */
  private readonly changed = new Set<string>();
  /** Projects of which not all may have been made. */
  readonly inTheMaking = new Set<string>();
  /** When one of this name last began to end, and to begin anew, by tick. */
  private readonly ended = new Map<string, number>();
  private readonly reborn = new Map<string, number>();
  /** Projects that may have a limit for manifests without a tag. */
  readonly swept = new Set<string>();
  readonly moments: Moment[] = [];
  readonly leftUploads: LeftUpload[] = [];
  /** Null: the last one was answered. */
  repetition: Repetition | null = null;
  isRepeating = false;

  tick(): number {
    return ++this.ticks;
  }

  tag = (repository: string, tag: string) =>
    this.register<string | null>(`tag ${repository}:${tag}`, null);
  manifest = (repository: string, digest: string) =>
    this.register<boolean>(`manifest ${repository}@${digest}`, false);
  blob = (repository: string, digest: string) =>
    this.register<boolean>(`blob ${repository}@${digest}`, false);
  lock = (repository: string, tag: string) =>
    this.register<boolean>(`lock ${repository}:${tag}`, false);
  /** Whether a project's rule keeps the tags that it is about. */
  rule = (project: string) => this.register<boolean>(`rule ${project}`, false);
  role = (project: string, robot: string) =>
    this.register<string | null>(`role ${project} ${robot}`, null);
  enabled = (robot: string) => this.register<boolean>(`enabled ${robot}`, true);
  /** Whether a secret of a robot is good, by its id. */
  secret = (id: string) => this.register<boolean>(`secret ${id}`, false);
  /** Secrets that were told, by their ids. */
  readonly secrets = new Map<string, string>();
  /** Whether anybody may pull from a project. */
  isPublic = (project: string) => this.register<boolean>(`public ${project}`, false);

  /** False: nobody ever changed anything there, and nothing can be there. */
  isUsed(repository: string): boolean {
    return this.changed.has(repository);
  }

  use(repository: string): void {
    this.changed.add(repository);
  }

  push(repository: string, digest: string): void {
    this.pushed.add(`${repository}@${digest}`);
  }

  /** Whether a manifest refers to the blob, or did, besides one. */
  mayBeShared(repository: string, blob: string, but: string): boolean {
    return manifests.some(
      ({ digest, blobs: own }) =>
        digest !== but && own.includes(blob) && this.pushed.has(`${repository}@${digest}`),
    );
  }

  /** Whether something lists the manifest, or did. */
  mayBeListed(repository: string, manifest: string): boolean {
    return manifests.some(
      ({ digest, children }) =>
        children.includes(manifest) && this.pushed.has(`${repository}@${digest}`),
    );
  }

  /** Whether the tag, once it is there, certainly stays as it is: by its lock, or by the rule of its project. */
  isKept(repository: string, tag: string, { from, to }: Span): boolean {
    return this.keepers(repository, tag).some((keeps) => keeps.isCertainly(true, from, to));
  }

  mayBeKept(repository: string, tag: string, { from, to }: Span): boolean {
    return this.keepers(repository, tag).some((keeps) => keeps.allows(true, from, to));
  }

  private keepers(repository: string, tag: string): readonly Register<boolean>[] {
    const lock = this.lock(repository, tag);
    return isOfRule(tag) ? [lock, this.rule(projectOf(repository))] : [lock];
  }

  private register<V>(key: string, initial: V): Register<V> {
    let found = this.registers.get(key);
    if (found === undefined) {
      found = new Register<unknown>(initial);
      this.registers.set(key, found);
    }
    return found as Register<V>;
  }

  /** Several writes of one request: they all happen, or none does. `from`: where it began before now. */
  begin(writes: Writes, from = this.tick()): Begun {
    const begun = writes.map(([register, value]) =>
      (register as Register<unknown>).begin(value, from),
    );
    const all: Begun = {
      done: (now) => {
        this.open.delete(all);
        for (const one of begun) one.done(now);
      },
      refused: () => {
        this.open.delete(all);
        for (const one of begun) one.refused();
      },
      inDoubt: (now) => {
        this.open.delete(all);
        for (const one of begun) one.inDoubt(now);
      },
      undone: (now) => {
        this.open.delete(all);
        for (const one of begun) one.undone(now);
      },
    };
    this.open.add(all);
    return all;
  }

  /** Whatever was under way has happened by now, or never will. */
  stopAll(): void {
    const now = this.tick();
    for (const begun of this.open) begun.inDoubt(now);
  }

  /** Writes for all that may become of manifests and tags of a repository when one goes or comes back. */
  unsureManifests(repository: string, digests: Iterable<string>): Writes {
    const known = [...digests].filter((digest) => manifestWith(digest) !== undefined);
    return [
      ...known.map((digest) => [this.manifest(repository, digest), anything] as const),
      ...tags.map((tag) => [this.tag(repository, tag), anything] as const),
    ];
  }

  /** The same with their blobs. */
  unsure(repository: string, digests: Iterable<string>): Writes {
    const known = [...digests];
    const own = new Set(known.flatMap((digest) => manifestWith(digest)?.blobs ?? []));
    return [
      ...this.unsureManifests(repository, known),
      ...[...own].map((blob) => [this.blob(repository, blob), anything] as const),
    ];
  }

  /** Of everything in a repository, locks included. */
  unsureOfAll(repository: string): Writes {
    const all = manifests.map(({ digest }) => digest);
    return [
      ...this.unsureManifests(repository, all),
      ...blobs.map(({ digest }) => [this.blob(repository, digest), anything] as const),
      ...tags.map((tag) => [this.lock(repository, tag), anything] as const),
    ];
  }

  /** Nor is a tag locked. */
  nothingIn(repository: string): Writes {
    return [
      ...manifests.map(({ digest }) => [this.manifest(repository, digest), false] as const),
      ...blobs.map(({ digest }) => [this.blob(repository, digest), false] as const),
      ...tags.flatMap((tag) => [
        [this.tag(repository, tag), null] as const,
        [this.lock(repository, tag), false] as const,
      ]),
    ];
  }

  /** A blob stays so long although nothing refers to it. */
  lease(repository: string, blob: string, until: number): void {
    const key = `${repository}@${blob}`;
    this.leases.set(key, Math.max(until, this.leases.get(key) ?? 0));
  }

  endLeases(repository: string): void {
    for (const key of this.leases.keys())
      if (key.startsWith(`${repository}@`)) this.leases.delete(key);
  }

  disturb(repository: string): void {
    this.disturbed.set(repository, this.tick());
  }

  /** A project goes with all that is in it. */
  endProject(project: string): void {
    const tick = this.tick();
    this.ended.set(project, tick);
    for (const left of this.leftUploads) left.mayBeGone ||= projectOf(left.repository) === project;
  }

  /** Whether the project may have gone since then, and with it what was there. */
  hasEnded(project: string, since: number): boolean {
    return (
      this.inTheMaking.has(project) ||
      (this.ended.get(project) ?? 0) > since ||
      (this.reborn.get(project) ?? 0) > since
    );
  }

  /** Another of its name is there, with nothing of it. */
  beginAnew(project: string): void {
    this.reborn.set(project, this.tick());
  }

  /** Whether that was before the project began that is there. */
  isOfEarlier({ repository, tick }: Moment): boolean {
    return tick < (this.reborn.get(projectOf(repository)) ?? 0);
  }

  /** Nothing ever left the repository but tags. */
  isWhole(repository: string): boolean {
    return !this.swept.has(projectOf(repository)) && !this.disturbed.has(repository);
  }

  /** Whether what was there then can still be had. */
  isUndisturbed({ repository, tick }: Moment): boolean {
    return !this.swept.has(projectOf(repository)) && (this.disturbed.get(repository) ?? 0) < tick;
  }

  /** Whether a read in that time may have missed the manifest. */
  mayLackManifest(repository: string, digest: string, from: number, to: number): boolean {
    if (this.manifest(repository, digest).allows(false, from, to)) return true;
    return this.swept.has(projectOf(repository)) && !this.isTagged(repository, digest, from, to);
  }

  mayHaveManifest(repository: string, digest: string, from: number, to: number): boolean {
    return this.manifest(repository, digest).allows(true, from, to);
  }

  /** Certainly, itself or by what lists it. */
  private isTagged(repository: string, digest: string, from: number, to: number): boolean {
    const holders = manifests.filter((holder) => below(holder.digest).includes(digest));
    return holders.some((holder) =>
      tags.some((tag) => this.tag(repository, tag).isCertainly(holder.digest, from, to)),
    );
  }

  /** Whether a manifest that was certainly there refers to the blob. */
  isHeld(repository: string, blob: string, from: number, to: number): boolean {
    return manifests.some(
      (holder) =>
        holder.blobs.includes(blob) && !this.mayLackManifest(repository, holder.digest, from, to),
    );
  }

  /** The same of a blob: nothing refers to it, and its lease may be over. `now`: milliseconds. */
  mayLackBlob(repository: string, blob: string, from: number, to: number, now: number): boolean {
    if (this.isHeld(repository, blob, from, to)) return false;
    if (this.blob(repository, blob).allows(false, from, to)) return true;
    return (this.leases.get(`${repository}@${blob}`) ?? 0) <= now;
  }

  mayHaveBlob(repository: string, blob: string, from: number, to: number): boolean {
    const held = manifests.some(
      (holder) =>
        holder.blobs.includes(blob) && this.mayHaveManifest(repository, holder.digest, from, to),
    );
    return held || this.blob(repository, blob).allows(true, from, to);
  }
}
