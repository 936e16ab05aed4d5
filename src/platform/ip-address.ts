import { BlockList, isIP } from "node:net";

/** True for 127.0.0.0/8, ::1, the IPv4-mapped forms of the former, and the name `localhost`. */
export function isLoopbackHost(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  const address = unmapped(host);
  return isIP(address) === 4 ? address.startsWith("127.") : address === "::1";
}

/** True for an address (`10.1.2.3`, `::1`) or a range in CIDR form (`10.0.0.0/8`, `fd00::/8`). */
export function isAddressRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsOf(family));
}

/** A test whether an address lies in one of `ranges`, each of which `isAddressRange` accepts. */
export function createAddressMatcher(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address);
    list.addSubnet(address, Number(bits ?? bitsOf(family)), family === 4 ? "ipv4" : "ipv6");
  }
  return (text) => {
    const address = unmapped(text);
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
  };
}

/** A listener on `::` reports IPv4 clients as `::ffff:10.1.2.3`. */
function unmapped(address: string): string {
  return /^::ffff:\d/i.test(address) ? address.slice("::ffff:".length) : address;
}

function bitsOf(family: number): number {
  return family === 4 ? 32 : 128;
}
