import { createPrivateKey, type KeyObject } from "node:crypto";
import { loadKeys } from "../../src/auth/key-file.ts";
import { createSecretBox, sealedFor } from "../../src/auth/secret-box.ts";
import { queryStore } from "../support/test-database.ts";
import type { Door } from "./door.ts";

/** The registry's own signing key, to forge tokens that are wrong in one thing only. */
export async function readSigningKey(
  { folder }: Pick<Door, "folder">,
  id: string,
): Promise<KeyObject> {
  const ask = "select private_key from signing_keys where id = ?";
  const [row] = await queryStore(folder, ask, id);
  const box = createSecretBox(loadKeys({ setting: [], folder }));
  const text = box.open(String(row?.["private_key"]), sealedFor.signingKey(id));
  return text.startsWith("{")
    ? createPrivateKey({ key: JSON.parse(text), format: "jwk" })
    : createPrivateKey(text);
}
