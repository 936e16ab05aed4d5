import { isIP } from "node:net";
import { createAddressMatcher } from "./ip-address.ts";

/**
 * Addresses that are not the public internet: this machine, its network, what clouds keep their metadata
 * at, and those through which IPv4 ones are reached under other names (IANA's special-purpose registries;
 * 168.63.129.16 is Azure's).
 */
const innerRanges = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
];

/** Of IPv6 only what is given out is public; of that, what holds an IPv4 address is not. */
const innerWithinPublic = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const isInnerIpv4 = createAddressMatcher(innerRanges);
const isGlobalIpv6 = createAddressMatcher(["2000::/3"]);
const isTranslated = createAddressMatcher(innerWithinPublic);

/** Whether a request to this address could reach what outsiders cannot; true for what is no address. */
export function isInnerAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return isInnerIpv4(address);
    case 6:
      return !isGlobalIpv6(address) || isTranslated(address);
    default:
      return true;
  }
}
