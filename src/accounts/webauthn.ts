import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { z } from "zod";
import type { PasskeyRow, PrincipalRow } from "../db/tables.ts";
import type { RelyingParty } from "./relying-party.ts";

/** How long a browser may take to answer. */
export const answerMsMax = 5 * 60_000;
/** Characters of base64url: an answer holds keys and signatures, and no pictures. */
const textLengthMax = 8 * 1024;
/** What a signature may be made with: EdDSA, ES256, RS256 (RFC 9053, RFC 8812). */
const algorithms = [-8, -7, -257];
const transports = ["ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"] as const;

const base64url = z
  .string()
  .max(textLengthMax)
  .regex(/^[A-Za-z0-9_-]*$/, "must be base64url");
const head = { id: base64url, rawId: base64url, type: z.literal("public-key") };

/** What `navigator.credentials.create` gave, as its `toJSON` writes it (WebAuthn §5.1). */
export const registrationAnswer = z.object({
  ...head,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(16).default([]),
  }),
});

/** What `navigator.credentials.get` gave. */
export const signInAnswer = z.object({
  ...head,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish(),
  }),
});

export type RegistrationAnswer = z.output<typeof registrationAnswer>;
export type SignInAnswer = z.output<typeof signInAnswer>;

/** Loaded where somebody has a passkey: its encodings (CBOR, ASN.1) are 3 MB. */
const load = () => import("@simplewebauthn/server");

export async function creationOptions(
  party: RelyingParty,
  user: Pick<PrincipalRow, "id" | "name">,
  passkeys: readonly PasskeyRow[],
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await load();
  return await generateRegistrationOptions({
    rpName: party.id,
    rpID: party.id,
    userID: new TextEncoder().encode(user.id),
    userName: user.name,
    userDisplayName: user.name,
    timeout: answerMsMax,
    attestationType: "none",
    excludeCredentials: passkeys.map(descriptorOf),
    authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
    supportedAlgorithmIDs: algorithms,
  });
}

/** `passkeys`: those that will do; null for any, whose device must then have looked who holds it. */
export async function requestOptions(
  party: RelyingParty,
  passkeys: readonly PasskeyRow[] | null,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await load();
  return await generateAuthenticationOptions({
    rpID: party.id,
    timeout: answerMsMax,
    userVerification: passkeys === null ? "required" : "preferred",
    ...(passkeys === null ? {} : { allowCredentials: passkeys.map(descriptorOf) }),
  });
}

function descriptorOf(row: PasskeyRow) {
  return { id: row.credential_id, transports: JSON.parse(row.transports) as Transport[] };
}

type Transport = (typeof transports)[number];

/** Columns of the passkey that the answer made. Throws `Error` where it is not what was asked for. */
export async function readRegistration(
  party: RelyingParty,
  challenge: string,
  answer: RegistrationAnswer,
): Promise<Pick<PasskeyRow, "credential_id" | "public_key" | "counter" | "transports">> {
  const { verifyRegistrationResponse } = await load();
  await refuseCertificates(answer);
  const known = transports.filter((each) => answer.response.transports.includes(each));
  const response: RegistrationResponseJSON = {
    ...answer,
    response: { ...answer.response, transports: known },
    clientExtensionResults: {},
  };
  const { verified, registrationInfo } = await verifyRegistrationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: false,
    supportedAlgorithmIDs: algorithms,
  });
  if (!verified) throw new Error("its signature is wrong");
  const { credential } = registrationInfo;
  return {
    credential_id: credential.id,
    public_key: Buffer.from(credential.publicKey).toString("base64url"),
    counter: credential.counter,
    transports: JSON.stringify(known),
  };
}

/** Nobody asked who made the device. To look would mean to ask addresses that a certificate names. */
async function refuseCertificates({ response }: RegistrationAnswer): Promise<void> {
  const { decodeAttestationObject } = await import("@simplewebauthn/server/helpers");
  const attestation = decodeAttestationObject(
    new Uint8Array(Buffer.from(response.attestationObject, "base64url")),
  );
  const format = attestation.get("fmt");
  const isPlain = format === "none" || format === "packed";
  if (isPlain && attestation.get("attStmt").get("x5c") === undefined) return;
  throw new Error("it has an attestation that was not asked for");
}

/** The count of signatures, as of this one. Throws `Error` where the answer is not what was asked for. */
export async function readSignIn(
  party: RelyingParty,
  challenge: string,
  answer: SignInAnswer,
  passkey: PasskeyRow,
  { mustVerifyUser }: { readonly mustVerifyUser: boolean },
): Promise<number> {
  const { verifyAuthenticationResponse } = await load();
  const { userHandle: _unsigned, ...signed } = answer.response;
  const response: AuthenticationResponseJSON = {
    ...answer,
    response: signed,
    clientExtensionResults: {},
  };
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    credential: {
      id: passkey.credential_id,
      publicKey: new Uint8Array(Buffer.from(passkey.public_key, "base64url")),
      counter: passkey.counter,
    },
    requireUserVerification: mustVerifyUser,
  });
  if (!verified) throw new Error("its signature is wrong");
  return authenticationInfo.newCounter;
}
