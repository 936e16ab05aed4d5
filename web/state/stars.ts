import {
  deleteProjectsStarOfProject,
  deleteRepositoriesStarOfRepository,
  getStars,
  putProjectsStarOfProject,
  putRepositoriesStarOfRepository,
} from "../../client/operations.ts";
import { type List, readList } from "./list.ts";
import { changed, type Resource, useResource } from "./resource.ts";

export type Star = Awaited<ReturnType<typeof getStars>>["items"][number];

/** As many as the server lets one have. */
const starsMax = 1_000;

/** All that the user starred. */
export function useStars(): Resource<List<Star>> {
  return useResource("stars", () => readList<Star>(getStars, starsMax));
}

/** `name`: of a project, or of a repository, which has a slash. */
export async function setStar(name: string, isStarred: boolean): Promise<void> {
  if (name.includes("/")) {
    const call = isStarred ? putRepositoriesStarOfRepository : deleteRepositoriesStarOfRepository;
    await call({ repository: name });
  } else {
    const call = isStarred ? putProjectsStarOfProject : deleteProjectsStarOfProject;
    await call({ project: name });
  }
  await changed("stars");
}
