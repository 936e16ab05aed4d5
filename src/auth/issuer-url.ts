/** Characters. */
export const issuerUrlLengthMax = 512;

export const issuerUrlRule =
  "must be an https:// URL without a name, a password, a query or a fragment";

/** Whether a text can be what an issuer calls itself (OpenID Connect Core §2); without TLS as well. */
export function isIssuerUrl(text: string): boolean {
  if (!URL.canParse(text) || /[\s?#\p{Cc}]/u.test(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}
