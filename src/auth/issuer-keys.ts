import { createLocalJWKSet, type JSONWebKeySet, type JWK, type LocalJWKSet } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { IssuerRow } from "../db/tables.ts";
import type { Clock } from "../lib/clock.ts";
import { askOutside, OutboundError } from "../platform/http/outbound.ts";
import { createKeptAnswers, NoAnswer } from "./kept-answer.ts";

const documentBytesMax = 256 * 1024;
const keysMax = 100;
/** Whose keys were given. */
const issuersMax = 200;

/** Where an issuer's keys are found. */
export interface KeySource {
  readonly url: string;
  /** JSON; null: what it publishes. */
  readonly jwks: string | null;
  readonly mayBeInner: boolean;
}

/** The keys cannot be had: tokens of the issuer are refused meanwhile. */
export class KeysUnavailable extends Error {
  override name = "KeysUnavailable";
}

/** The public keys of issuers, fetched when they are first needed. */
export interface IssuerKeys {
  /** Throws KeysUnavailable. */
  of(issuer: IssuerRow): Promise<LocalJWKSet>;
  /** For a token whose key is not among them: what the issuer has now. Null where it was just asked. */
  newer(issuer: IssuerRow): Promise<LocalJWKSet | null>;
}

export function createIssuerKeys({ clock }: { readonly clock: Clock }): IssuerKeys {
  const published = createKeptAnswers<LocalJWKSet>(clock);
  const given = new LRUCache<string, LocalJWKSet>({ max: issuersMax });
  /** Keys of a configuration that was changed are not those of now. */
  const nameOf = ({ id, version }: IssuerRow) => `${id} ${version}`;
  const askFor = (issuer: IssuerRow) => async () =>
    createLocalJWKSet(await findKeys(sourceOf(issuer)));

  return {
    async of(issuer) {
      if (issuer.jwks !== null) {
        const keys = given.get(nameOf(issuer)) ?? (await askFor(issuer)());
        given.set(nameOf(issuer), keys);
        return keys;
      }
      try {
        return await published.get(nameOf(issuer), askFor(issuer));
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        throw new KeysUnavailable(`the keys of ${issuer.url} cannot be had: ${error.message}`);
      }
    },
    async newer(issuer) {
      return issuer.jwks === null ? await published.newer(nameOf(issuer), askFor(issuer)) : null;
    },
  };
}

export function sourceOf({ url, jwks, allows_inner }: IssuerRow): KeySource {
  return { url, jwks, mayBeInner: allows_inner === 1 };
}

/** Looks for the keys now. Throws OutboundError, in words for who configured the issuer. */
export async function findKeys(source: KeySource): Promise<JSONWebKeySet> {
  if (source.jwks !== null) return parseKeys(source.jwks, "the keys that were given");
  const { jwks_uri } = await discover(source);
  return parseKeys(await fetchText(jwks_uri, source.mayBeInner), jwks_uri);
}

const discovered = z.looseObject({ issuer: z.string(), jwks_uri: z.string().max(2048) });

/** What an issuer says of itself (OpenID Connect Discovery 1.0 §4). */
export async function discover(source: KeySource): Promise<z.output<typeof discovered>> {
  const url = `${source.url.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const read = discovered.safeParse(parseJson(await fetchText(url, source.mayBeInner), url));
  if (!read.success) throw new OutboundError(`${url} names no issuer, or no keys`);
  // §4.3: else one issuer could speak for another.
  if (read.data.issuer !== source.url) {
    throw new OutboundError(`${url} is of the issuer ${JSON.stringify(read.data.issuer)}`);
  }
  return read.data;
}

async function fetchText(url: string, mayBeInner: boolean): Promise<string> {
  const answer = await askOutside({ url, mayBeInner, bytesMax: documentBytesMax });
  if (answer.status === 200) return answer.text;
  throw new OutboundError(`${url} answered ${answer.status}`);
}

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(keysMax) });

/** Public keys alone: of a secret that somebody published nothing could be proved. */
export function parseKeys(text: string, from: string): JSONWebKeySet {
  const read = keySet.safeParse(parseJson(text, from));
  if (!read.success) throw new OutboundError(`${from}: no JSON Web Key Set (RFC 7517)`);
  const keys = read.data.keys.filter(({ kty }) => ["RSA", "EC", "OKP"].includes(kty));
  if (keys.length === 0) throw new OutboundError(`${from}: no public key in it`);
  return { keys: keys.map(({ d: _private, ...key }) => key as JWK) };
}

function parseJson(text: string, from: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new OutboundError(`${from}: not JSON`);
  }
}
