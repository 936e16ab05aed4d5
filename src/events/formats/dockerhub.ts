import type { EventFormat } from "../format.ts";
import { isPush, shortName, tagNames } from "./pushes.ts";

/** As Docker Hub sends them: of pushes alone, a message for each tag. There is nothing to call back. */
export const dockerHub: EventFormat = {
  contentType: "application/json",
  write(event, { origin, host }) {
    if (!isPush(event)) return [];
    const { repository, project, image } = event;
    return tagNames(event).map((tag) =>
      JSON.stringify({
        push_data: { pushed_at: Math.floor(event.at / 1000), pusher: event.actor, tag },
        repository: {
          repo_name: repository,
          name: shortName(event),
          namespace: project,
          owner: project,
          repo_url: `${origin}/v2/${repository}`,
          ...(image.manifest === null
            ? {}
            : { date_created: Math.floor(image.manifest.repositoryCreatedAt / 1000) }),
          is_private: !event.isPublic,
          is_official: false,
          is_trusted: false,
          description: "",
          full_description: "",
          comment_count: 0,
          star_count: 0,
          status: "Active",
        },
        callback_url: null,
        registry: host,
      }),
    );
  },
};
