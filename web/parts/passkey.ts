import { peopleText } from "../text/people.ts";

/**
 * Has the browser make a passkey, as a server asked for it, and returns what is to be sent. Throws, in words for
 * people, where none was made.
 */
export async function makePasskey(options: Readonly<Record<string, unknown>>): Promise<Passkey> {
  if (typeof PublicKeyCredential?.parseCreationOptionsFromJSON !== "function") {
    throw new Error(peopleText.passkeys.tooOld);
  }
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    // Sound: it comes from our own server, which made it for this.
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  const made = await navigator.credentials.create({ publicKey }).catch((error: unknown) => {
    throw new Error(wordsOf(error));
  });
  const { id, rawId, type, response } = (made as PublicKeyCredential).toJSON();
  if (type !== "public-key") throw new Error(peopleText.passkeys.notGiven);
  if (!("attestationObject" in response)) throw new Error(peopleText.passkeys.notGiven);
  const { clientDataJSON, attestationObject, transports } = response;
  return { id, rawId, type, response: { clientDataJSON, attestationObject, transports } };
}

interface Passkey {
  readonly id: string;
  readonly rawId: string;
  readonly type: "public-key";
  readonly response: {
    readonly clientDataJSON: string;
    readonly attestationObject: string;
    readonly transports: readonly string[];
  };
}

function wordsOf(error: unknown): string {
  if (!(error instanceof DOMException)) return String(error);
  if (error.name === "InvalidStateError") return peopleText.passkeys.known;
  return error.name === "NotAllowedError" ? peopleText.passkeys.notGiven : error.message;
}
