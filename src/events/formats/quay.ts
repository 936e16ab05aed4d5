import type { EventFormat } from "../format.ts";
import { isPush, shortName, tagNames } from "./pushes.ts";

/** As Quay sends them for its event of a push to a repository. */
export const quay: EventFormat = {
  contentType: "application/json",
  write(event, { origin, host }) {
    if (!isPush(event) || event.image.tags.length === 0) return [];
    const { repository, project } = event;
    return [
      JSON.stringify({
        name: shortName(event),
        repository,
        namespace: project,
        docker_url: `${host}/${repository}`,
        homepage: `${origin}/${repository}`,
        updated_tags: tagNames(event),
      }),
    ];
  },
};
