import { createAddressMatcher, isAddressRange } from "../platform/ip-address.ts";

/** Which clients are sent to where the blobs are: all, but for those that an exception names. */
export function createRedirectRule(
  redirect: boolean,
  exceptions: readonly string[],
): (userAgent: string, address: () => string) => boolean {
  if (!redirect) return () => false;
  const ranges = exceptions.filter(isAddressRange);
  const agents = exceptions.filter((text) => !isAddressRange(text));
  const isExcepted = createAddressMatcher(ranges);
  return (userAgent, address) => {
    if (agents.some((text) => userAgent.includes(text))) return false;
    return ranges.length === 0 || !isExcepted(address());
  };
}
