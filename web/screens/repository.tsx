import { lazy, Suspense } from "react";
import { ApiError } from "../../client/operation.ts";
import { getRepositoriesOfRepository } from "../../client/operations.ts";
import { Trouble } from "../parts/notice.tsx";
import { Place, Tabs } from "../parts/place.tsx";
import { ReferenceLabel } from "../parts/reference.tsx";
import { Chip, ReferenceTitle } from "../parts/signs.tsx";
import { StarButton } from "../parts/star.tsx";
import { paths, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { text } from "../text/text.ts";
import { RepositoryGone } from "./repository-gone.tsx";
import { TagTable } from "./tag-table.tsx";
import { useTags } from "./tags.ts";

// What few people open comes when they do.
const AsOf = lazy(() => import("./asof.tsx"));
const UntaggedTable = lazy(() => import("./untagged.tsx"));
const RepositoryAbout = lazy(() => import("./repository-about.tsx"));

export type Repository = Awaited<ReturnType<typeof getRepositoriesOfRepository>>;

/** What its screen asks for at first. */
export function useRepository(repository: string) {
  const shown = useResource(`repository ${repository}`, () =>
    getRepositoriesOfRepository({ repository }),
  );
  return { shown, tags: useTags(repository) };
}

export function RepositoryScreen({ repository, tab }: { repository: string; tab: string }) {
  const { search } = usePlace();
  const { shown, tags } = useRepository(repository);
  const [project = "", ...rest] = repository.split("/");
  const { value, error } = shown;
  const newest = tags.newest;
  if (error instanceof ApiError && value === undefined && error.status === 404) {
    return <RepositoryGone repository={repository} error={error} />;
  }
  return (
    <main className="page" id="main">
      <Place
        name={repository}
        crumbs={[
          { label: text.nav.projects, href: paths.projects },
          { label: project, href: paths.project(project) },
          { label: rest.join("/") },
        ]}
        title={<ReferenceTitle quiet={`${project}/`} strong={rest.join("/")} />}
        beside={
          value && (
            <>
              <Chip>{text.visibility[value.effective_visibility]}</Chip>
              <StarButton name={repository} />
            </>
          )
        }
        end={
          newest && (
            <ReferenceLabel repository={repository} tag={newest.name} digest={newest.digest} />
          )
        }
        sub={value?.description}
      />
      <Tabs
        tabs={[
          {
            label: text.repository.tags,
            href: paths.repository(repository),
            isCurrent: tab === "",
            count: tags.isComplete ? tags.all.length : undefined,
          },
          {
            label: text.repository.untagged,
            href: paths.repository(repository, "untagged"),
            isCurrent: tab === "untagged",
          },
          {
            label: text.repository.about,
            href: paths.repository(repository, "about"),
            isCurrent: tab === "about",
          },
        ]}
      />
      {error !== null && <Trouble error={error} onRetry={shown.reload} />}
      <Suspense fallback={null}>
        {tab === "" && search.has("at") && (
          <AsOf
            repository={repository}
            mayRestore={value?.allowed.includes("repository:delete") === true}
          />
        )}
        {tab === "untagged" && <UntaggedTable repository={repository} allowed={value?.allowed} />}
        {tab === "about" && value !== undefined && <RepositoryAbout repository={value} />}
      </Suspense>
      {tab === "" && !search.has("at") && (
        <TagTable repository={repository} tags={tags} allowed={value?.allowed} />
      )}
    </main>
  );
}
