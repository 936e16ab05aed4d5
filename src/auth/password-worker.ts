import { standBack } from "../platform/stand-back.ts";

// Compares passwords behind all else that runs: a flood of sign-ins hardly slows pulls.

declare const self: Worker;

export interface PasswordRequest {
  readonly text: string;
  readonly hash: string;
}

export type PasswordReply =
  | { readonly kind: "compared"; readonly matches: boolean }
  | { readonly kind: "failed"; readonly message: string };

standBack();

self.onmessage = ({ data }: MessageEvent<PasswordRequest>) => {
  self.postMessage(compare(data));
};

function compare({ text, hash }: PasswordRequest): PasswordReply {
  try {
    return { kind: "compared", matches: Bun.password.verifySync(text, hash, "argon2id") };
  } catch (error) {
    return { kind: "failed", message: (error as Error).message };
  }
}
