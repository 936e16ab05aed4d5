/** The text of the first element of this name; null for none. */
export function xmlValue(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`).exec(xml);
  return found === null ? null : withoutEntities(found[1] ?? "");
}

/** What stands between the tags of each element of this name, none of which holds another. */
export function xmlElements(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?: [^>]*)?>([\\s\\S]*?)</${name}>`, "g");
  return [...xml.matchAll(pattern)].map(([, inner = ""]) => inner);
}

export function xmlText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function withoutEntities(text: string): string {
  return text.replace(/&(#x?)?(\w+);/g, (whole, number, name) => {
    if (number === undefined) return entities[name] ?? whole;
    return String.fromCodePoint(Number.parseInt(name, number === "#" ? 10 : 16));
  });
}
