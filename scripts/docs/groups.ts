/**
 * The order of pages: names of files in docs/guide, and headings of docs/OPERATING.md, each of which is a
 * page. Chapters that nobody put anywhere stand in the last group.
 */
export const groups: readonly {
  readonly title: string;
  readonly guides?: readonly string[];
  readonly chapters?: readonly string[];
}[] = [
  { title: "Start", guides: ["first-five-minutes", "concepts"] },
  {
    title: "Clients",
    guides: ["docker", "podman", "containerd", "skopeo-crane", "oras", "helm", "cosign"],
    chapters: ["Commands from elsewhere", "Copying images"],
  },
  {
    title: "CI and clusters",
    guides: ["github-actions", "gitlab-ci", "jenkins", "pull-in-kubernetes", "pull-in-compose"],
    chapters: ["Identity tokens in place of secrets", "Webhooks"],
  },
  {
    title: "Coming from",
    guides: ["from-harbor", "from-docker-hub", "from-distribution", "from-zot"],
  },
  {
    title: "Install",
    chapters: [
      "Running it",
      "Containers",
      "Compose",
      "Kubernetes",
      "systemd",
      "User and permissions",
      "TLS",
      "Free TLS: Caddy",
      "Behind nginx",
      "Upgrade",
    ],
  },
  {
    title: "People and rights",
    chapters: [
      "Who gets in",
      "Sign-in with a provider",
      "Sign-in with a directory (LDAP, Active Directory)",
      "Secrets",
      "Audit",
      "The console",
    ],
  },
  {
    title: "Images",
    chapters: [
      "Looking at images",
      "Deleting and getting back",
      "Pulling the past",
      "How much it takes",
      "Garbage collection",
    ],
  },
  {
    title: "Storage and scale",
    chapters: [
      "The data folder",
      "What is durable",
      "Several processes",
      "Several nodes",
      "Scaling",
      "Blobs in S3",
      "PostgreSQL",
      "Move to another place",
    ],
  },
  {
    title: "Day to day",
    chapters: [
      "Health and metrics",
      "Log",
      "Stopping",
      "Full disk",
      "Disk errors",
      "Verify and repair",
      "Backup and restore",
    ],
  },
];

/** For whoever changes Berth, not for whoever runs it. */
export const chaptersLeftOut: readonly string[] = ["Running the tests"];
