import { isIP } from "node:net";

/**
 * Whom sign-ins are counted for: the /24 of an IPv4 address, the /64 of an IPv6 one, for whoever has
 * one of its addresses has them all. What is no address stands for itself.
 */
export function networkOf(address: string): string {
  // `fe80::1%eth0`: the zone is this machine's word for the link.
  const plain = address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  switch (isIP(plain)) {
    case 4:
      return `${plain.split(".").slice(0, 3).join(".")}.0/24`;
    case 6:
      return `${upperHalf(plain)}::/64`;
    default:
      return address.slice(0, addressLengthMax);
  }
}

const addressLengthMax = 64;

/** The first four of the eight groups (RFC 4291 §2.2). An IPv4 address at the end stands for two. */
function upperHalf(address: string): string {
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const behind = right.length + (address.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - behind);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
