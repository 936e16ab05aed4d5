/** Whatever it may be: for what depends on more than is kept account of. */
export const anything = Symbol("anything");
type Held<V> = V | typeof anything;

interface Write<V> {
  readonly value: Held<V>;
  readonly from: number;
  /** When it was answered; infinite while it may yet happen. */
  to: number;
  /** It did happen; else it may have. */
  certain: boolean;
  /** Whoever began to read later finds what was there before it. */
  seenUntil: number;
}

/** A write that was begun, and what became of it. */
export interface Begun {
  /** It happened, by now. */
  done(now: number): void;
  /** It did not, and will not. */
  refused(): void;
  /** It may have happened, and will not from now on. */
  inDoubt(now: number): void;
  /** It may have happened, and all is as before by now. */
  undone(now: number): void;
}

/**
 * One thing that several clients write and read at once: a tag, a manifest, a blob, a right. Of a read it
 * says what it may have found: the value of a write that began before the read ended, unless another
 * write, which did happen, began after that one ended and ended before the read began.
 */
export class Register<V> {
  private writes: Write<V>[] = [];

  constructor(initial: V) {
    this.settle(initial, -1);
  }

  begin(value: Held<V>, now: number): Begun {
    const write: Write<V> = {
      ...{ value, from: now, to: Number.POSITIVE_INFINITY, certain: false },
      seenUntil: Number.POSITIVE_INFINITY,
    };
    this.writes.push(write);
    return {
      done: (at) => {
        write.to = at;
        write.certain = value !== anything;
      },
      refused: () => {
        this.writes = this.writes.filter((other) => other !== write);
      },
      inDoubt: (at) => {
        write.to = Math.min(write.to, at);
      },
      undone: (at) => {
        write.to = at;
        write.seenUntil = at;
      },
    };
  }

  /** What a read from `from` to `to` may have found. */
  possible(from: number, to: number): readonly Held<V>[] {
    return [...new Set(this.seenBy(from, to).map(({ value }) => value))];
  }

  private seenBy(from: number, to: number): readonly Write<V>[] {
    const began = this.writes.filter((write) => write.from <= to && write.seenUntil >= from);
    return began.filter(
      (write) => !began.some((later) => later.certain && later.from > write.to && later.to < from),
    );
  }

  /** A read found it, and may be relied on: if but one write can have been that, it did happen. */
  observe(value: V, from: number, to: number): void {
    const seen = this.seenBy(from, to).filter(
      (write) => write.value === value || write.value === anything,
    );
    const [write] = seen;
    if (seen.length !== 1 || write === undefined || write.value !== value) return;
    write.certain = true;
    write.to = Math.min(write.to, to);
  }

  allows(value: V, from: number, to: number): boolean {
    const possible = this.possible(from, to);
    return possible.includes(anything) || possible.includes(value);
  }

  /** Whether a read in that time can have found nothing else. */
  isCertainly(value: V, from: number, to: number): boolean {
    const possible = this.possible(from, to);
    return possible.length === 1 && possible[0] === value;
  }

  /** Nobody else writes, and this is what it is. */
  settle(value: V, now: number): void {
    const seenUntil = Number.POSITIVE_INFINITY;
    this.writes = [{ value, from: now, to: now, certain: true, seenUntil }];
  }
}
