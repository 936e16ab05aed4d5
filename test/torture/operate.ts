import { deleteBlob, goOnWithUpload, mountBlob, pushBlob, readBlob } from "./blob-operations.ts";
import {
  collectGarbage,
  deleteRepository,
  erase,
  readPast,
  readPastOfTag,
  removeTags,
  restore,
  restoreTag,
  setEnabled,
  setLock,
} from "./management-operations.ts";
import {
  deleteManifest,
  deleteTag,
  listTags,
  pushImage,
  putManifest,
  readManifest,
  readTag,
} from "./manifest-operations.ts";
import type { Step } from "./plan.ts";
import { replaceProject, setPublic, setRole, setRule, setTimes } from "./project-operations.ts";
import { repeatRotation, rotateSecrets } from "./secret-operations.ts";
import type { World } from "./world.ts";

/** Does what the plan says, and tells the model what came of it. */
export async function operate(world: World, { by, operation }: Step): Promise<void> {
  switch (operation.kind) {
    case "push blob":
      await pushBlob(world, by, operation);
      return;
    case "go on with upload":
      return await goOnWithUpload(world, operation);
    case "mount":
      return await mountBlob(world, by, operation);
    case "head blob":
    case "get blob":
      await readBlob(world, by, operation);
      return;
    case "delete blob":
      return await deleteBlob(world, by, operation);
    case "push image":
      return await pushImage(world, by, operation);
    case "put manifest":
      return await putManifest(world, by, operation);
    case "get manifest":
      return await readManifest(world, by, operation);
    case "delete manifest":
      return await deleteManifest(world, by, operation);
    case "get tag":
      return await readTag(world, by, operation);
    case "delete tag":
      return await deleteTag(world, by, operation);
    case "lock":
    case "unlock":
      return await setLock(world, operation);
    case "remove tags":
      return await removeTags(world, operation);
    case "list tags":
      return await listTags(world, by, operation);
    case "delete repository":
      return await deleteRepository(world, operation);
    case "restore":
      return await restore(world, operation);
    case "erase":
      return await erase(world, operation);
    case "restore tag":
      return await restoreTag(world, operation);
    case "past of tag":
      return await readPastOfTag(world, operation);
    case "past":
      return await readPast(world, operation);
    case "set role":
      return await setRole(world, operation);
    case "disable":
    case "enable":
      return await setEnabled(world, operation);
    case "keep untagged":
    case "keep trash":
      return await setTimes(world, operation);
    case "keep tags":
      return await setRule(world, operation);
    case "open to all":
      return await setPublic(world, operation);
    case "replace project":
      return await replaceProject(world, operation);
    case "collect garbage":
      return await collectGarbage(world);
    case "rotate secrets":
      return await rotateSecrets(world);
    case "repeat a rotation":
      return await repeatRotation(world);
    default:
      return operation satisfies never;
  }
}
