import type { Management } from "../access/endpoint.ts";
import { isAway } from "../db/database-away.ts";
import { bad, type Check, type Finding, warn } from "./check.ts";
import {
  lookAtBlobs,
  lookAtCertificate,
  lookAtClocks,
  lookAtDatabase,
  lookAtDisk,
  lookAtNodes,
  lookAtServer,
  lookAtSettings,
} from "./look-at-server.ts";
import {
  lookAtBackups,
  lookAtChores,
  lookAtGarbage,
  lookAtStored,
  lookAtWebhooks,
} from "./look-at-work.ts";

/** What has not answered by then does not answer, for whoever waits. */
const lookMsMax = 5_000;
/** The database is looked at alone for so long: with what others ask it at once the answer takes longer. */
const aloneMsMax = 500;

/** Null: it does not concern this server. */
type Look = (deps: Management) => Promise<Finding | null> | Finding | null;

const looks: readonly (readonly [Check["name"], Look])[] = [
  ["server", lookAtServer],
  ["database", lookAtDatabase],
  ["blobs", lookAtBlobs],
  ["disk", lookAtDisk],
  ["clock", lookAtClocks],
  ["nodes", lookAtNodes],
  ["certificate", lookAtCertificate],
  ["settings", lookAtSettings],
  ["backup", lookAtBackups],
  ["garbage", lookAtGarbage],
  ["stored", lookAtStored],
  ["chores", lookAtChores],
  ["webhooks", lookAtWebhooks],
];

/** Looks at all of it. What cannot be looked at is bad, and keeps nothing else from being told. */
export async function lookAtAll(deps: Management): Promise<Check[]> {
  const database = looked(() => lookAtDatabase(deps));
  await Promise.race([database, Bun.sleep(aloneMsMax)]);
  const found = await Promise.all(
    looks.map(async ([name, look]) => {
      const finding = await (name === "database" ? database : looked(() => look(deps)));
      return finding === null ? [] : [{ name, ...finding }];
    }),
  );
  return found.flat();
}

async function looked(look: () => ReturnType<Look>): Promise<Finding | null> {
  const late = Promise.withResolvers<Finding>();
  const timer = setTimeout(
    () =>
      late.resolve(
        bad(
          `it did not answer within ${lookMsMax / 1000} seconds`,
          "Look at the log, and at what is between here and there",
        ),
      ),
    lookMsMax,
  );
  try {
    return await Promise.race([(async () => await look())(), late.promise]);
  } catch (error) {
    if (isAway(error)) {
      return warn("it cannot be looked at without the database", "Bring the database back first");
    }
    return bad(
      `it could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
      "Look at the log of the server",
    );
  } finally {
    clearTimeout(timer);
  }
}
