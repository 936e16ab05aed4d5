/** Who pushes. */
export const pushClients = ["docker", "podman", "crane", "skopeo", "helm", "oras"] as const;

export type PushClient = (typeof pushClients)[number];

interface PushStep {
  readonly kind: "signIn" | "name" | "make" | "push" | "copy";
  readonly lines: readonly string[];
}

interface PushTarget {
  readonly host: string;
  readonly user: string;
  /** `project/app`. */
  readonly repository: string;
  readonly tag: string;
  /** The server has no certificate of its own, nor anybody in front of it. */
  readonly isPlain: boolean;
}

const source = "alpine:3.22";

/** What pushes a first image from a terminal, to this very place. */
export function pushSteps(client: PushClient, target: PushTarget): readonly PushStep[] {
  const { host, user, isPlain } = target;
  const to = `${host}/${target.repository}:${target.tag}`;
  const plain = (flag: string) => (isPlain ? ` ${flag}` : "");
  switch (client) {
    case "docker":
    case "podman": {
      const flag = client === "podman" ? plain("--tls-verify=false") : "";
      return [
        { kind: "signIn", lines: [`${client} login${flag} ${host} --username ${user}`] },
        { kind: "name", lines: [`${client} pull ${source}`, `${client} tag ${source} ${to}`] },
        { kind: "push", lines: [`${client} push${flag} ${to}`] },
      ];
    }
    case "crane": {
      const flag = plain("--insecure");
      return [
        {
          kind: "signIn",
          // It asks for nothing. One command: of two that are pasted `read` would take the second.
          lines: [
            'read -rs PASSWORD && printf %s "$PASSWORD" |',
            `  crane auth login${flag} ${host} --username ${user} --password-stdin`,
          ],
        },
        { kind: "copy", lines: [`crane copy${flag} ${source} ${to}`] },
      ];
    }
    case "skopeo":
      return [
        {
          kind: "signIn",
          lines: [`skopeo login${plain("--tls-verify=false")} ${host} --username ${user}`],
        },
        {
          kind: "copy",
          lines: [
            `skopeo copy${plain("--dest-tls-verify=false")} docker://docker.io/library/${source} docker://${to}`,
          ],
        },
      ];
    case "helm": {
      const parts = [host, ...target.repository.split("/")];
      const chart = parts.pop();
      const folder = `oci://${parts.join("/")}`;
      return [
        {
          kind: "signIn",
          lines: [`helm registry login${plain("--plain-http")} ${host} --username ${user}`],
        },
        { kind: "make", lines: [`helm create ${chart}`, `helm package ${chart}`] },
        { kind: "push", lines: [`helm push${plain("--plain-http")} ${chart}-0.1.0.tgz ${folder}`] },
      ];
    }
    case "oras":
      return [
        {
          kind: "signIn",
          lines: [`oras login${plain("--plain-http")} ${host} --username ${user}`],
        },
        { kind: "make", lines: ["echo hello > hello.txt"] },
        { kind: "push", lines: [`oras push${plain("--plain-http")} ${to} hello.txt`] },
      ];
  }
}
