import { getTrash, postTrashRestore } from "../../client/operations.ts";
import { toast } from "../parts/toast.tsx";
import { changed } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";

/** Clocks of this machine and of the server may differ by so much. */
const clockMs = 120_000;

/** The units in the trash that a removal made just now, by what they are called. */
export async function unitsOf(
  repository: string,
  names: readonly string[],
  startedAt: number,
): Promise<string[]> {
  const { items } = await getTrash({ repository, limit: 200 });
  const wanted = new Set(names);
  const found: string[] = [];
  for (const { id, name, deleted_at } of items) {
    // The newest of a name comes first.
    if (wanted.has(name) && Date.parse(deleted_at) > startedAt - clockMs) {
      wanted.delete(name);
      found.push(id);
    }
  }
  return found;
}

/** Tells what came back, and what did not. */
export async function restoreUnits(units: readonly string[]): Promise<void> {
  const { units: told } = await postTrashRestore({ units });
  const back = told.filter(({ restored }) => restored);
  const problem = told.find((unit) => !unit.restored)?.problem;
  toast(imagesText.trash.areBack(back.length), problem == null ? {} : { more: problem });
  await changed(
    "trash",
    "tags",
    "untagged",
    "project",
    "repository",
    "repositories",
    "usage",
    "image",
    "history",
  );
}
