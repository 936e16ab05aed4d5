/** What kept a client from doing what it was asked; the message is one sentence without its full stop. */
export class ClientError extends Error {
  override name = "ClientError";
  /** Of the answer that refused; null where there was none. */
  readonly status: number | null;

  constructor(message: string, status: number | null = null) {
    super(message);
    this.status = status;
  }
}

/** What went wrong with a connection, in few words. */
export function connectionTrouble(error: unknown): string {
  const { code, message, name } = error as Error & { code?: unknown };
  if (name === "TimeoutError") return "no answer in time";
  return typeof code === "string" && code !== "" ? code : message;
}
