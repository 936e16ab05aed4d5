import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

/** An issuer of identity tokens on this machine, which publishes its keys as OpenID Connect has it. */
export interface TestIssuer {
  /** What its tokens have as `iss`. */
  readonly url: string;
  /** How often its keys were asked for. */
  readonly asked: () => number;
  /** A token that is good for five minutes unless the claims say otherwise. */
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<object>): Promise<string>;
  /** A new key takes the place of the one before, which is published no more. */
  rotate(): Promise<void>;
  jwks(): { keys: JWK[] };
  /** What it answers from now on; null: as it should. */
  misbehave(answer: (() => Response) | null): void;
  stop(): Promise<void>;
}

export interface TestIssuerOptions {
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** Of the tokens, where it is not where it can be asked. */
  readonly url?: string;
  readonly alg?: "ES256" | "RS256";
  /** What it says of itself besides; `own`: where it is. */
  readonly metadata?: (own: string) => object;
  /** What else it serves; null for what it does not. */
  readonly serve?: (request: Request) => Promise<Response | null>;
}

export async function startIssuer(options: TestIssuerOptions = {}): Promise<TestIssuer> {
  const { now = Date.now, alg = "ES256" } = options;
  let count = 0;
  let asked = 0;
  let answer: (() => Response) | null = null;
  let key: { privateKey: CryptoKey; jwk: JWK } | undefined;

  async function rotate(): Promise<void> {
    const made = await generateKeyPair(alg, { extractable: true });
    count += 1;
    const jwk = { ...(await exportJWK(made.publicKey)), kid: `key-${count}`, use: "sig", alg };
    key = { privateKey: made.privateKey, jwk };
  }
  await rotate();
  const jwks = () => ({ keys: key === undefined ? [] : [key.jwk] });

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request): Promise<Response> {
      const { pathname } = new URL(request.url);
      if (pathname === "/keys") asked += 1;
      if (answer !== null) return answer();
      if (pathname === "/keys") return Response.json(jwks());
      if (pathname !== "/.well-known/openid-configuration") {
        return (await options.serve?.(request)) ?? new Response(null, { status: 404 });
      }
      return Response.json({ issuer: url, jwks_uri: `${own}/keys`, ...options.metadata?.(own) });
    },
  });
  const own: string = `http://127.0.0.1:${server.port}`;
  const url: string = options.url ?? own;

  return {
    url,
    asked: () => asked,
    async sign(claims, header = {}) {
      const seconds = Math.floor(now() / 1000);
      const times = { iss: url, iat: seconds, nbf: seconds, exp: seconds + 300 };
      return await new SignJWT({ ...times, ...claims })
        .setProtectedHeader({ alg, typ: "JWT", kid: key?.jwk.kid ?? "", ...header })
        .sign(key?.privateKey as CryptoKey);
    },
    rotate,
    jwks,
    misbehave(next) {
      answer = next;
    },
    async stop() {
      await server.stop(true);
    },
  };
}
