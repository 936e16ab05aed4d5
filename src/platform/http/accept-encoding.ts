/** Whether the header allows that encoding (RFC 9110 §12.5.3). Weights other than 0 make no difference. */
export function acceptsEncoding(header: string | null, name: "br" | "gzip"): boolean {
  return (header ?? "").split(",").some((part) => {
    const [token = "", weight = ""] = part.trim().toLowerCase().split(";");
    return token.trim() === name && !/^\s*q=0(\.0*)?\s*$/.test(weight);
  });
}
