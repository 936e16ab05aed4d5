import { Database } from "bun:sqlite";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { loadKeys } from "../../src/auth/key-file.ts";
import { createSecretBox, sealedFor } from "../../src/auth/secret-box.ts";
import type { Door } from "./door.ts";

/** The registry's own signing key, to forge tokens that are wrong in one thing only. */
export function readSigningKey(door: Door, id: string): KeyObject {
  const db = new Database(join(door.folder, "berth.db"), { readonly: true });
  try {
    const row = db.query("select private_key from signing_keys where id = ?").get(id);
    const { private_key: sealed } = row as { private_key: string };
    const box = createSecretBox(loadKeys({ setting: [], folder: door.folder }));
    const text = box.open(sealed, sealedFor.signingKey(id));
    return text.startsWith("{")
      ? createPrivateKey({ key: JSON.parse(text), format: "jwk" })
      : createPrivateKey(text);
  } finally {
    db.close();
  }
}
