/** The last one is the worst. */
export const checkStates = ["ok", "warn", "bad"] as const;

export const checkNames = [
  ...([
    "server",
    "database",
    "blobs",
    "disk",
    "clock",
    "nodes",
    "certificate",
    "settings",
  ] as const),
  ...(["backup", "garbage", "stored", "chores", "webhooks"] as const),
] as const;

/** What one look came to. Sentences begin small and end without a full stop. */
export interface Finding {
  readonly state: (typeof checkStates)[number];
  /** What is so. */
  readonly message: string;
  /** What to do; null where there is nothing to do. */
  readonly advice: string | null;
  /** Epoch milliseconds of what the message tells of; null where it is of now. */
  readonly at: number | null;
}

export interface Check extends Finding {
  readonly name: (typeof checkNames)[number];
}

export function ok(message: string, at: number | null = null): Finding {
  return { state: "ok", message, advice: null, at };
}

export function warn(message: string, advice: string, at: number | null = null): Finding {
  return { state: "warn", message, advice, at };
}

export function bad(message: string, advice: string, at: number | null = null): Finding {
  return { state: "bad", message, advice, at };
}
