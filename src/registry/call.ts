import type { MaybePromise } from "../lib/maybe-promise.ts";
import type { Past } from "../oci/past-name.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Caller } from "./caller.ts";

/** One parsed request: authorization and handling see the same values, and nothing else. */
export interface Call {
  readonly request: Request;
  readonly method: string;
  /** Null on routes of the whole registry. */
  readonly name: RepositoryName | null;
  /** The moment whose state is asked for; null: what is there now. */
  readonly past: Past | null;
  /** The last path component: a tag, a digest or an upload's id; empty where the route has none. */
  readonly last: string;
  readonly query: string;
  readonly caller: Caller;
  /** Address of the client, as far as trusted proxies tell. */
  readonly client: string;
  /**
   * To be awaited between a body that came slowly and what is done with it: throws where the caller
   * was sent away, or lost the right, while it came.
   */
  stillMay(): Promise<void>;
  /** Counts a pull against the caller's limit: throws TOOMANYREQUESTS, returns headers or null. */
  countPull(): MaybePromise<Record<string, string> | null>;
  /** The same headers for a HEAD, which is free. */
  pullsLeft(): MaybePromise<Record<string, string> | null>;
}
