import type { StagedId } from "../blobs/blob-store.ts";
import { letOthersRun } from "../lib/let-others-run.ts";
import { type Checked, pageSize, type Suspect, type VerifyDeps } from "./suspect.ts";
import {
  correctUploadOffset,
  listUploads,
  type UploadPlace,
  uploadOffset,
} from "./verify-store.ts";

/** Uploads that lost bytes which their clients need not send again. */
export async function* checkUploads(deps: VerifyDeps, checked: Checked): AsyncGenerator<Suspect> {
  const withoutBytes = new Map<string, UploadPlace>();
  let after = "";
  for (;;) {
    const rows = await listUploads(deps.db.reads, after, pageSize);
    for (const upload of rows) {
      after = upload.id;
      checked.uploads += 1;
      const staged = await stagedBytes(deps, upload);
      if ((staged ?? 0) >= upload.offset_bytes) continue;
      if (staged === null) withoutBytes.set(upload.id, upload);
      else yield await suspectUpload(deps, upload);
    }
    if (rows.length < pageSize) break;
    await letOthersRun();
  }
  if (withoutBytes.size === 0) return;
  // Nothing is lost where a kill came between the bytes' move to their blob and its row: the next start
  // ends such a session.
  for await (const item of deps.blobs.list("all")) {
    if (item.kind === "blob") withoutBytes.delete(item.stagedAs);
  }
  for (const upload of withoutBytes.values()) yield await suspectUpload(deps, upload);
}

async function stagedBytes(
  { blobs }: VerifyDeps,
  { id, state }: UploadPlace,
): Promise<number | null> {
  return await blobs.stagedBytes({ id: id as StagedId, state });
}

async function suspectUpload(deps: VerifyDeps, upload: UploadPlace): Promise<Suspect> {
  const { db, blobs } = deps;
  const { id, repository, offset_bytes, state } = upload;
  const bytes = (await stagedBytes(deps, upload)) ?? 0;
  const path = blobs.pathOf({ kind: "staged", id: id as StagedId, state });
  return {
    finding: {
      kind: "truncated-upload",
      message: `${path} has ${bytes} of the ${offset_bytes} bytes acknowledged for an upload to ${repository}`,
      digest: null,
      path,
      repository,
    },
    async confirm() {
      const left = (await stagedBytes(deps, upload)) ?? 0;
      return (await uploadOffset(db.reads, id)) === offset_bytes && left < offset_bytes;
    },
    async repair() {
      const left = (await stagedBytes(deps, upload)) ?? 0;
      const changed = await db.transaction((tx) => correctUploadOffset(tx, id, offset_bytes, left));
      return changed ? `its offset was set to ${left}; the client goes on from there` : null;
    },
  };
}
