import type { ApiError } from "../../client/operation.ts";
import { Link } from "../app/link.tsx";
import { Notice } from "../parts/notice.tsx";
import { Place } from "../parts/place.tsx";
import { ReferenceTitle } from "../parts/signs.tsx";
import { paths } from "../state/location.ts";
import { text } from "../text/text.ts";

/** There is none of the name, or none that one may see: the server says the same of both. */
export function RepositoryGone({ repository, error }: { repository: string; error: ApiError }) {
  const [project = "", ...rest] = repository.split("/");
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
      />
      <div className="apart">
        <Notice
          kind="bad"
          what={text.repository.gone(repository)}
          more={
            <>
              {text.repository.goneWhy}{" "}
              <Link href={`${paths.trash}?q=${project}/`}>{text.nav.trash}</Link>
              {error.requestId !== null && (
                <span className="q3"> · {text.requestId(error.requestId)}</span>
              )}
            </>
          }
        />
      </div>
    </main>
  );
}
