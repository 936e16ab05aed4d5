import type { Action } from "../access/authorize.ts";
import type { Principal } from "../auth/principal.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** One parsed request: authorization and handling see the same values, and nothing else. */
export interface Call {
  readonly request: Request;
  readonly method: string;
  /** Null on routes of the whole registry. */
  readonly name: RepositoryName | null;
  /** The last path component: a tag, a digest or an upload's id; empty where the route has none. */
  readonly last: string;
  readonly query: string;
  readonly principal: Principal;
  /** Address of the client, as far as trusted proxies tell. */
  readonly client: string;
  /** Asks for a further right, such as pulling from the source of a mount. */
  readonly may: (action: Action, repository: RepositoryName) => boolean;
}
