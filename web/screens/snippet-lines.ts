export const snippetPlaces = [
  "docker",
  "podman",
  "crane",
  "kubernetes",
  "github",
  "gitlab",
] as const;

export type SnippetPlace = (typeof snippetPlaces)[number];

/** What to paste there. The secret itself is in none of it. Null: from there the host is another machine. */
export function snippetLines(
  where: SnippetPlace,
  user: string,
  host: string,
): readonly string[] | null {
  switch (where) {
    case "docker":
    case "podman":
    case "crane": {
      const client = where === "crane" ? "crane auth" : where;
      return [`echo "$BERTH_SECRET" | ${client} login ${host} --username ${user} --password-stdin`];
    }
    case "kubernetes":
      if (isLoopback(host)) return null;
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
        `    - docker build -t ${imageOf(user, host)}:$CI_COMMIT_SHORT_SHA .`,
        `    - docker push ${imageOf(user, host)}:$CI_COMMIT_SHORT_SHA`,
      ];
  }
}

/** What GitLab fills in: a robot of a project pushes to that alone. */
function imageOf(user: string, host: string): string {
  const [, project] = /^robot\.(.+)\.[^.]+$/.exec(user) ?? [];
  return `${host}/${project === undefined ? "$CI_PROJECT_PATH" : `${project}/$CI_PROJECT_NAME`}`;
}

function isLoopback(host: string): boolean {
  return /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(host);
}
