import { randomBytes } from "node:crypto";
import type { Database, Tx } from "../db/database.ts";
import { createMutex } from "../lib/mutex.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { writeKeyFile } from "./key-file.ts";
import { resealSome } from "./sealed-store.ts";
import {
  createSecretBox,
  derivesWith,
  idOfKey,
  keysOf,
  replaceKeys,
  type SecretBox,
  secretKeyBytes,
} from "./secret-box.ts";

export interface RotateDeps {
  readonly db: Database;
  readonly box: SecretBox;
  /** Holds `secret.key`; null where the keys come from the setting. */
  readonly folder: string | null;
  readonly rederive: Rederive;
}

/**
 * Makes stored values again that were derived from an earlier key, in the transaction from which on
 * the box derives with the current one. Runs again after a crash: what is of the current key already
 * stays, and what is of none of them stays too, for it was tampered with.
 */
export type Rederive = (tx: Tx, earlier: readonly SecretBox[], current: SecretBox) => Promise<void>;

export interface Rotated {
  /** Of the key that seals from now on. */
  readonly keyId: string;
  /** Secrets that were sealed again. */
  readonly resealed: number;
}

/** Secrets that one transaction seals again: other writers wait for so long. */
const resealedAtOnce = 200;

/** One at a time: each would put its own key first. */
const rotation = createMutex();

/**
 * Puts a new key in the place of the current one: everything sealed is sealed again, what is derived
 * is derived again, and then the earlier keys go. Throws UNSUPPORTED (409) where the setting holds
 * the keys. After a crash `finishRotation` goes on where this stopped: the file has all keys until
 * nothing needs an earlier one.
 */
export async function rotateKeys(deps: RotateDeps): Promise<Rotated> {
  const { box, folder } = deps;
  if (folder === null) {
    throw new RegistryError("UNSUPPORTED", {
      status: 409,
      message:
        "the keys come from the setting secret_key: put a new one in front of those there, then start again",
    });
  }
  return await rotation.run(async () => {
    if (keysOf(box).length > 1) await finish(deps);
    const keys = [randomBytes(secretKeyBytes), ...keysOf(box)];
    writeKeyFile(folder, keys);
    replaceKeys(box, keys, 1);
    return await finish(deps);
  });
}

/**
 * To be run at each start, before anything is opened or derived: ends a rotation that a crash or a new
 * key in the setting began. Throws SealError when a secret cannot be opened with any key that is there.
 */
export async function finishRotation(deps: RotateDeps): Promise<Rotated> {
  return await rotation.run(() => finish(deps));
}

async function finish({ db, box, folder, rederive }: RotateDeps): Promise<Rotated> {
  const keys = keysOf(box);
  const [current, ...earlier] = keys;
  if (current === undefined) throw new Error("a secret box has no key");
  if (earlier.length > 0) {
    const before = derivesWith(box);
    await db
      .transaction(async (tx) => {
        await rederive(
          tx,
          earlier.map((key) => createSecretBox([key])),
          createSecretBox([current]),
        );
        // Before the commit: the next transaction, which waits for this one, derives with the current key.
        replaceKeys(box, keys, 0);
      })
      .catch((error: unknown) => {
        replaceKeys(box, keys, before);
        throw error;
      });
  }
  let resealed = 0;
  for (;;) {
    const some = await db.transaction((tx) => resealSome(tx, box, resealedAtOnce));
    if (some === 0) break;
    resealed += some;
  }
  if (earlier.length > 0 && folder !== null) {
    writeKeyFile(folder, [current]);
    replaceKeys(box, [current]);
  }
  return { keyId: idOfKey(current), resealed };
}
