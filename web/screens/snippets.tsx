import { useState } from "react";
import { Code } from "../parts/copy.tsx";
import { host } from "../state/session.ts";
import { text } from "../text/text.ts";

type Where = keyof typeof text.snippets.where;

const places = Object.keys(text.snippets.where) as Where[];

/** Lines for this very account, to be pasted where it signs in. The secret itself is in none of them. */
export function Snippets({ user }: { user: string }) {
  const [where, setWhere] = useState<Where>("docker");
  return (
    <>
      <div className="tabs as-buttons" role="tablist" aria-label={text.snippets.label}>
        {places.map((place) => (
          <button
            key={place}
            type="button"
            role="tab"
            id={`snippet-${place}`}
            aria-selected={place === where}
            data-action={`snippet-${place}`}
            onClick={() => setWhere(place)}
          >
            {text.snippets.where[place]}
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-labelledby={`snippet-${where}`} className="snippet">
        <p className="q2">{text.snippets.lead[where]}</p>
        <Code lines={linesFor(where, user)} label={text.snippets.where[where]} />
      </div>
    </>
  );
}

function linesFor(where: Where, user: string): readonly string[] {
  switch (where) {
    case "docker":
    case "podman":
    case "crane": {
      const client = where === "crane" ? "crane auth" : where;
      return [`echo "$BERTH_SECRET" | ${client} login ${host} --username ${user} --password-stdin`];
    }
    case "kubernetes":
      return [
        "kubectl create secret docker-registry berth \\",
        `  --docker-server=${host} \\`,
        `  --docker-username=${user} \\`,
        '  --docker-password="$BERTH_SECRET"',
      ];
    case "github":
      return [
        "- uses: docker/login-action@v3",
        "  with:",
        `    registry: ${host}`,
        `    username: ${user}`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is GitHub's to fill in
        "    password: ${{ secrets.BERTH_SECRET }}",
      ];
    case "gitlab":
      return [
        "build:",
        "  image: docker:27",
        "  services: [docker:27-dind]",
        "  script:",
        `    - echo "$BERTH_SECRET" | docker login ${host} --username ${user} --password-stdin`,
        `    - docker build -t ${imageOf(user)}:$CI_COMMIT_SHORT_SHA .`,
        `    - docker push ${imageOf(user)}:$CI_COMMIT_SHORT_SHA`,
      ];
  }
}

/** What GitLab fills in: a robot of a project pushes to that alone. */
function imageOf(user: string): string {
  const [, project] = /^robot\.(.+)\.[^.]+$/.exec(user) ?? [];
  return `${host}/${project === undefined ? "$CI_PROJECT_PATH" : `${project}/$CI_PROJECT_NAME`}`;
}
