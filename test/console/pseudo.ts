/** What stands between these came out of the messages. */
export const [opening, closing] = ["⟦", "⟧"];

const accented: Readonly<Record<string, string>> = Object.fromEntries(
  [..."aAcCdDeEgGhHiIlLnNoOrRsStTuUyY"].map((letter, index) => [
    letter,
    [..."áÁçÇðÐéÉğĞĥĤíÍĺĹñÑóÓŕŔšŠţŢúÚýÝ"][index] ?? letter,
  ]),
);

/** A message, or all below, in a language that nobody wrote; `value` names what goes to the server. */
export function pseudo<Message>(message: Message): Message {
  return changed(message) as Message;
}

function changed(message: unknown): unknown {
  if (typeof message === "string") {
    return message === ""
      ? message
      : `${opening}${message.replace(/[a-z]/gi, (letter) => accented[letter] ?? letter)}${closing}`;
  }
  if (typeof message === "function") return (...args: unknown[]) => changed(message(...args));
  if (Array.isArray(message)) return message.map(changed);
  if (typeof message !== "object" || message === null) return message;
  return Object.fromEntries(
    Object.entries(message).map(([key, part]) => [key, key === "value" ? part : changed(part)]),
  );
}
