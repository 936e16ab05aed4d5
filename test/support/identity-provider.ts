import { startIssuer, type TestIssuer } from "./identity-issuer.ts";

/** A provider that signs in whoever it is told to, and misbehaves as it is told to. */
export interface TestProvider {
  readonly url: string;
  readonly issuer: TestIssuer;
  /** Forms that its token endpoint was sent, with the Authorization header of each. */
  readonly exchanged: { readonly form: URLSearchParams; readonly authorization: string | null }[];
  /**
   * Somebody signs in: `location` is where the browser was sent. Returns where it goes back to. What is said
   * here of the answer is instead of what a good one has; undefined leaves it out.
   */
  signIn(location: string, person: Person, instead?: Instead): string;
  stop(): Promise<void>;
}

export interface Person {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly userinfo?: Readonly<Record<string, unknown>>;
}

export interface Instead {
  /** Parameters of the way back. */
  readonly back?: Readonly<Record<string, string | undefined>>;
  /** Claims and header of the ID token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The ID token itself; what happens before there is one happens while somebody signs in. */
  readonly idToken?: (good: string) => string | Promise<string>;
  /** Whether the verifier must fit what the browser was sent with. Default: true. */
  readonly checksVerifier?: boolean;
}

interface Code {
  readonly asked: URLSearchParams;
  readonly person: Person;
  readonly instead: Instead;
}

export const clientSecret = "the secret of the client, with : and % in it";

/** `metadata`: what it says of itself instead. */
export async function startProvider(metadata: object = {}): Promise<TestProvider> {
  const codes = new Map<string, Code>();
  const people = new Map<string, Person>();
  const exchanged: TestProvider["exchanged"] = [];
  let count = 0;

  async function exchange(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const authorization = request.headers.get("authorization");
    exchanged.push({ form, authorization });
    const given = Buffer.from(authorization?.slice("Basic ".length) ?? "", "base64").toString();
    // Both are encoded as in a form (RFC 6749 §2.3.1).
    if (decodeURIComponent(given.replaceAll("+", " ")) !== `berth:${clientSecret}`) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    const code = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const verifier = form.get("code_verifier") ?? "";
    const challenge = new Bun.CryptoHasher("sha256").update(verifier).digest("base64url");
    const fits =
      code?.instead.checksVerifier === false ||
      (challenge === code?.asked.get("code_challenge") &&
        form.get("redirect_uri") === code.asked.get("redirect_uri"));
    if (code === undefined || !fits) {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    const { asked, person, instead } = code;
    const good = await issuer.sign({
      aud: "berth",
      nonce: asked.get("nonce"),
      ...person.claims,
      ...instead.claims,
    });
    const access = `access-${form.get("code")}`;
    people.set(access, person);
    return Response.json({
      access_token: access,
      token_type: "Bearer",
      expires_in: 60,
      id_token: (await instead.idToken?.(good)) ?? good,
    });
  }

  const issuer = await startIssuer({
    metadata: (own) => ({
      authorization_endpoint: `${own}/authorize`,
      token_endpoint: `${own}/token`,
      userinfo_endpoint: `${own}/userinfo`,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ["S256"],
      id_token_signing_alg_values_supported: ["ES256"],
      scopes_supported: ["openid", "profile"],
      claims_supported: ["sub", "groups"],
      ...metadata,
    }),
    async serve(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/token") return await exchange(request);
      if (pathname !== "/userinfo") return null;
      const token = request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
      const person = people.get(token);
      return Response.json({ sub: person?.claims["sub"], ...person?.userinfo });
    },
  });

  return {
    url: issuer.url,
    issuer,
    exchanged,
    signIn(location, person, instead = {}) {
      const { searchParams: asked } = new URL(location);
      count += 1;
      codes.set(`code-${count}`, { asked, person, instead });
      const back = new URL(asked.get("redirect_uri") ?? "");
      const good = { code: `code-${count}`, state: asked.get("state"), iss: issuer.url };
      for (const [name, value] of Object.entries({ ...good, ...instead.back })) {
        if (value !== undefined && value !== null) back.searchParams.set(name, value);
      }
      return back.pathname + back.search;
    },
    stop: issuer.stop,
  };
}
