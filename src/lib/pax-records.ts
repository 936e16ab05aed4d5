import { decodeName, TarError } from "./tar-header.ts";

/**
 * What a pax header says of these keywords (POSIX.1-2001). Records are `<length> <keyword>=<value>\n`, where the
 * length counts all of it. Throws TarError.
 */
export function readPaxRecords(
  bytes: Uint8Array,
  keywords: readonly string[],
): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(decodeName(bytes.subarray(at, Math.max(at, space))));
    const end = at + length;
    if (space === -1 || !Number.isSafeInteger(length) || end <= space || end > bytes.length) {
      throw new TarError("a record does not have the length that it states");
    }
    const record = bytes.subarray(space + 1, end - 1);
    const equals = record.indexOf(61);
    if (equals === -1) throw new TarError("a record has no value");
    const keyword = decodeName(record.subarray(0, equals));
    if (keywords.includes(keyword)) records[keyword] = decodeName(record.subarray(equals + 1));
    at = end;
  }
  return records;
}
