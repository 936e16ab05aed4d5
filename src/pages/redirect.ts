/** Characters; a longer one leads to the first page instead. */
const targetLengthMax = 1024;

/**
 * Where a sign-in may lead: a path of this very server. Anything else, such as `//host`, `/\host`,
 * a scheme, or control characters that browsers drop, leads to the first page.
 */
export function localTarget(text: string | null): string {
  if (text === null || text.length > targetLengthMax) return "/";
  if (!/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text)) return "/";
  const base = "http://berth.invalid";
  const url = URL.canParse(text, base) ? new URL(text, base) : null;
  // After a browser has resolved dots, too, no second slash may stand in front.
  if (url === null || url.origin !== base || url.pathname.startsWith("//")) return "/";
  return url.pathname + url.search;
}
