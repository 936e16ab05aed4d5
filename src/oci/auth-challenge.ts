/** What a client is told to bring: a token of the token service (distribution's token specification). */
export interface BearerChallenge {
  /** Address of the token service. */
  readonly realm: string;
  readonly service: string;
  /** Such as `repository:team/app:pull,push`; null for a request that is about no repository. */
  readonly scope: string | null;
  /** RFC 6750 §3.1: the token that came does not do. */
  readonly error: "invalid_token" | "insufficient_scope" | null;
}

/** The value of a `WWW-Authenticate` header. Values hold no quotes: addresses and names have none. */
export function formatBearerChallenge({ realm, service, scope, error }: BearerChallenge): string {
  const params = [
    `realm="${realm}"`,
    `service="${service}"`,
    ...(scope === null ? [] : [`scope="${scope}"`]),
    ...(error === null ? [] : [`error="${error}"`]),
  ];
  return `Bearer ${params.join(",")}`;
}

/** Where no address of a token service can be trusted, name and secret come with each request. */
export const basicChallenge = 'Basic realm="berth", charset="UTF-8"';
