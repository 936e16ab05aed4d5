import { bearerIn, parseChallenges } from "./auth-challenge.ts";
import { ClientError, connectionTrouble } from "./client-error.ts";
import { isRecord } from "./json-file.ts";
import { realmOf } from "./registry-token-source.ts";
import type { SignIn } from "./sign-in.ts";

const answerMsMax = 60_000;

/**
 * An identity token for a password, from the token service that the registry names (RFC 6749 §4.3 with
 * `access_type=offline`); null where there is none, or it gives none. Throws `ClientError`.
 */
export async function fetchIdentityToken(
  origin: string,
  { name, secret }: Extract<SignIn, { kind: "basic" }>,
  trust: { readonly tls?: { readonly ca: string } },
): Promise<string | null> {
  const common = { signal: AbortSignal.timeout(answerMsMax), redirect: "error", ...trust } as const;
  try {
    const asked = await fetch(`${origin}/v2/`, common);
    await asked.body?.cancel();
    const bearer = bearerIn(parseChallenges(asked.headers.get("www-authenticate")));
    if (bearer === null) return null;
    const form = new URLSearchParams({
      grant_type: "password",
      access_type: "offline",
      client_id: "berth",
      service: bearer.params["service"] ?? "",
      username: name,
      password: secret,
    });
    const realm = realmOf(bearer.params["realm"] ?? "", origin);
    const answer = await fetch(realm, { method: "POST", body: form, ...common });
    const body: unknown = answer.ok ? await answer.json() : null;
    const token = isRecord(body) ? body["refresh_token"] : null;
    return typeof token === "string" ? token : null;
  } catch (error) {
    if (error instanceof ClientError) throw error;
    throw new ClientError(`no answer from ${new URL(origin).host}: ${connectionTrouble(error)}`);
  }
}
