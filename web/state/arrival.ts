import { useEffect, useState } from "react";
import {
  getProjectsRepositoriesOfProject,
  getRecentPushes,
  getRepositoriesTagsOfRepository,
} from "../../client/operations.ts";
import { asError, changed, signInAgain, statusOf } from "./resource.ts";

export interface Push {
  readonly repository: string;
  readonly tag: string;
  readonly at: string;
}

const lookEveryMs = 3_000;
/** After looks that found nothing, for which the server looks furthest, and failed ones. Somebody looks on. */
const pauseMsMax = 5_000;

/**
 * The first push that comes while somebody waits, into a project, a repository, or ("") anywhere. `isFirst`:
 * nothing was there before.
 */
export function useArrival(
  within: string,
  isFirst: boolean,
): { readonly push: Push | null; readonly error: Error | null } {
  const [push, setPush] = useState<Push | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let isLooking = false;
    let pauseMs = lookEveryMs;
    let before = isFirst ? "" : null;
    const look = async () => {
      try {
        const newest = await newestPush(within);
        if (isOver) return;
        setError(null);
        pauseMs = newest === null ? longer(pauseMs) : lookEveryMs;
        const key = newest === null ? "" : `${newest.repository}:${newest.tag} ${newest.at}`;
        if (before !== null && key !== before && newest !== null) {
          isOver = true;
          setPush(newest);
          void changed("recent", "projects", "repositories", "tags");
        }
        before ??= key;
      } catch (thrown) {
        if (isOver) return;
        const failed = asError(thrown);
        if (statusOf(failed) === 401) signInAgain();
        setError(failed);
        pauseMs = longer(pauseMs);
      }
    };
    const again = async () => {
      if (isLooking || isOver) return;
      isLooking = true;
      clearTimeout(timer);
      if (document.visibilityState === "visible") await look();
      isLooking = false;
      if (!isOver) timer = setTimeout(again, pauseMs);
    };
    // Whoever comes back from their terminal has just pushed.
    const soon = () => {
      pauseMs = lookEveryMs;
      void again();
    };
    void again();
    addEventListener("focus", soon);
    return () => {
      isOver = true;
      clearTimeout(timer);
      removeEventListener("focus", soon);
    };
  }, [within, isFirst]);
  return { push, error };
}

function longer(pauseMs: number): number {
  return Math.min(1.5 * pauseMs, pauseMsMax);
}

async function newestPush(within: string): Promise<Push | null> {
  if (within === "") {
    const [newest] = (await getRecentPushes({ limit: 1 })).items;
    if (newest === undefined) return null;
    const { repository, tag, pushed_at } = newest;
    return { repository, tag, at: pushed_at };
  }
  const page = { sort: "-pushed", limit: 1 } as const;
  let repository: string | undefined = within;
  if (!within.includes("/")) {
    const repositories = await getProjectsRepositoriesOfProject({ project: within, ...page });
    repository = repositories.items[0]?.name;
    if (repository === undefined) return null;
  }
  const [tag] = (await getRepositoriesTagsOfRepository({ repository, ...page })).items;
  return tag === undefined ? null : { repository, tag: tag.name, at: tag.moved_at };
}
