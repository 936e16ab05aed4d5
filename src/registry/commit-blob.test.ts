import { expect, test } from "bun:test";
import { digestOf } from "../../test/support/images.ts";
import { openTestRegistry } from "../../test/support/test-registry.ts";
import { rolledBack } from "../db/rolled-back.ts";

test("an upload ends with its blob also where its transaction runs twice", async () => {
  const { registry, fetch, remove } = await openTestRegistry();
  const { db } = registry;
  const once = db.transaction;
  const content = "stored, lost, and stored again";
  const push = async () => {
    const path = `/v2/team/app/blobs/uploads/?digest=${digestOf(content)}`;
    const headers = { "content-type": "application/octet-stream" };
    return (await fetch(path, { method: "POST", body: content, headers })).status;
  };
  expect(await push()).toBe(201);
  const [lost] = await db.reads.selectFrom("blobs").select("key").execute();
  if (lost === undefined) throw new Error("nothing was stored");
  await registry.blobs.remove([lost.key]);

  // As a database does whose first try got in the way of others.
  Object.assign(db, {
    transaction: (async (body, beside) => {
      await rolledBack((work) => once(work, beside), body);
      return await once(body, beside);
    }) satisfies typeof once,
  });
  expect(await push()).toBe(201);
  Object.assign(db, { transaction: once });

  const [blob] = await db.reads.selectFrom("blobs").select("key").execute();
  expect(blob?.key).not.toBe(lost.key);
  expect(await db.reads.selectFrom("uploads").select("id").execute()).toEqual([]);
  await remove();
});
