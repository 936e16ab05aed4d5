/** What an `Authorization` header brings (RFC 7235 §2.1). */
type Authorization =
  | { readonly scheme: "basic"; readonly name: string; readonly secret: string }
  | { readonly scheme: "bearer"; readonly token: string };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Null for every other scheme, and for what is malformed. */
export function parseAuthorization(header: string): Authorization | null {
  const space = header.indexOf(" ");
  const value = header.slice(space + 1).trim();
  switch (header.slice(0, Math.max(0, space)).toLowerCase()) {
    case "bearer":
      return /^[\w.~+/=-]+$/.test(value) ? { scheme: "bearer", token: value } : null;
    case "basic":
      return parseBasic(value);
    default:
      return null;
  }
}

/** RFC 7617 §2: name and secret in UTF-8, split at the first colon. */
function parseBasic(value: string): Authorization | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return null;
  let text: string;
  try {
    text = utf8.decode(Buffer.from(value, "base64"));
  } catch {
    return null;
  }
  const colon = text.indexOf(":");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (colon === -1 || /[\u0000-\u001f\u007f]/.test(text)) return null;
  return { scheme: "basic", name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
