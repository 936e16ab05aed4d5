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
  let after = "";
  for (;;) {
    const rows = await listUploads(deps.db.reads, after, pageSize);
    for (const upload of rows) {
      after = upload.id;
      checked.uploads += 1;
      if ((await stagedBytes(deps, upload)) < upload.offset_bytes) {
        yield await suspectUpload(deps, upload);
      }
    }
    if (rows.length < pageSize) return;
    await letOthersRun();
  }
}

async function stagedBytes({ blobs }: VerifyDeps, { id, state }: UploadPlace): Promise<number> {
  return (await blobs.stagedBytes({ id: id as StagedId, state })) ?? 0;
}

async function suspectUpload(deps: VerifyDeps, upload: UploadPlace): Promise<Suspect> {
  const { db, blobs } = deps;
  const { id, repository, offset_bytes, state } = upload;
  const bytes = await stagedBytes(deps, upload);
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
      const left = await stagedBytes(deps, upload);
      return (await uploadOffset(db.reads, id)) === offset_bytes && left < offset_bytes;
    },
    async repair() {
      const left = await stagedBytes(deps, upload);
      const changed = await db.transaction((tx) => correctUploadOffset(tx, id, offset_bytes, left));
      return changed ? `its offset was set to ${left}; the client goes on from there` : null;
    },
  };
}
