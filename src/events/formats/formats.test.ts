import { describe, expect, test } from "bun:test";
import type { Digest } from "../../oci/digest.ts";
import type { ProjectName, RepositoryName } from "../../oci/repository-name.ts";
import type { Tag } from "../../oci/tag.ts";
import type { RegistryEvent } from "../event.ts";
import { eventTypeNames } from "../event-types.ts";
import { formatNames, formats } from "../format.ts";
import { brokenTemplateRule } from "./text.ts";

type Json = Record<string, unknown>;

const digest = "sha256:8a9e9863dbb6e10edb5adfe917c00da84e1700fa76e7ed02476aa6e6fb8ee0d8" as Digest;
const from = { origin: "https://hub.harbor.com", host: "hub.harbor.com" };

const pushed: RegistryEvent = {
  id: "audit-7",
  type: "image.pushed",
  at: 1_586_922_308_000,
  actor: "admin",
  project: "test-webhook" as ProjectName,
  isPublic: false,
  repository: "test-webhook/debian" as RepositoryName,
  resource: "test-webhook/debian:latest",
  image: {
    digest,
    tags: [{ name: "latest" as Tag, from: null }],
    manifest: {
      repositoryCreatedAt: 1_586_922_308_000,
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      artifactType: null,
      subject: null,
      size: 708,
    },
  },
  detail: {},
};
const twoTags: RegistryEvent = {
  ...pushed,
  image: {
    ...(pushed.image as NonNullable<RegistryEvent["image"]>),
    tags: [
      { name: "v1" as Tag, from: null },
      { name: "v2" as Tag, from: digest },
    ],
  },
};

function write(format: keyof typeof formats, event: RegistryEvent, template?: string): Json[] {
  return formats[format]
    .write(event, from, template ?? null)
    .map((text) => JSON.parse(text) as Json);
}

/** Of each value what JSON calls it, names sorted: what a reader of typed JSON depends on. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, shapeOf(item)] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}

describe("harbor", () => {
  test("is what its documentation shows of a push", () => {
    // goharbor/website, docs/working-with-projects/project-configuration/configure-webhooks.md, "Payload Format".
    expect(write("harbor", pushed)).toEqual([
      {
        type: "PUSH_ARTIFACT",
        occur_at: 1586922308,
        operator: "admin",
        event_data: {
          resources: [
            { digest, tag: "latest", resource_url: "hub.harbor.com/test-webhook/debian:latest" },
          ],
          repository: {
            date_created: 1586922308,
            name: "debian",
            namespace: "test-webhook",
            repo_full_name: "test-webhook/debian",
            repo_type: "private",
          },
        },
      },
    ]);
  });

  test("tells of one tag at a time: Argo CD Image Updater reads the first resource alone", () => {
    // argoproj-labs/argocd-image-updater, pkg/webhook/harbor.go, Parse.
    const tags = write("harbor", twoTags).map(
      ({ event_data: data }) => (data as { resources: { tag: string }[] }).resources[0]?.tag,
    );
    expect(tags).toEqual(["v1", "v2"]);
  });

  test("sends its secret as Flux and Argo CD Image Updater compare it", () => {
    // fluxcd/notification-controller, internal/server/receiver_handlers.go: the header Authorization is the token itself.
    expect(formats.harbor.sendsSecret).toBe(true);
    expect(formats.harbor.contentType).toBe("application/json");
  });

  test("tells of a deleted image", () => {
    const [message] = write("harbor", { ...pushed, type: "image.deleted" });
    expect(message).toMatchObject({ type: "DELETE_ARTIFACT" });
  });
});

test("dockerhub has what the documentation shows, without what there is nothing of here", () => {
  // Docker's documentation, docker-hub/repos/manage/webhooks, "Example webhook payload".
  const documented = {
    callback_url:
      "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
    push_data: { pushed_at: 1417566161, pusher: "trustedbuilder", tag: "latest" },
    repository: {
      comment_count: 0,
      date_created: 1417494799,
      description: "",
      dockerfile: "#",
      full_description: "Docker Hub based automated build from a GitHub repo",
      is_official: false,
      is_private: true,
      is_trusted: true,
      name: "testhook",
      namespace: "svendowideit",
      owner: "svendowideit",
      repo_name: "svendowideit/testhook",
      repo_url: "https://registry.hub.docker.com/u/svendowideit/testhook/",
      star_count: 0,
      status: "Active",
    },
  };
  const [message = {}, ...more] = write("dockerhub", pushed);
  expect(more).toEqual([]);
  const { dockerfile: _, ...repository } = documented.repository;
  expect(shapeOf(message["push_data"])).toEqual(shapeOf(documented.push_data));
  expect(shapeOf(message["repository"])).toEqual(shapeOf(repository));
  expect(message).toMatchObject({
    push_data: { pushed_at: 1586922308, pusher: "admin", tag: "latest" },
    repository: { repo_name: "test-webhook/debian", name: "debian", namespace: "test-webhook" },
  });
  expect(write("dockerhub", twoTags)).toHaveLength(2);
});

test("quay is what its documentation shows of a push", () => {
  // Red Hat Quay 3.6, "Use Red Hat Quay", chapter 12.1.1, Repository Push.
  const documented = {
    name: "repository",
    repository: "dgangaia/test",
    namespace: "dgangaia",
    docker_url: "quay.io/dgangaia/test",
    homepage: "https://quay.io/repository/dgangaia/repository",
    updated_tags: ["latest"],
  };
  const [message] = write("quay", pushed);
  expect(shapeOf(message)).toEqual(shapeOf(documented));
  expect(message).toEqual({
    name: "debian",
    repository: "test-webhook/debian",
    namespace: "test-webhook",
    docker_url: "hub.harbor.com/test-webhook/debian",
    homepage: "https://hub.harbor.com/test-webhook/debian",
    updated_tags: ["latest"],
  });
});

describe("distribution", () => {
  // distribution/distribution, docs/content/about/notifications.md, "Envelope".
  const documented = {
    id: "asdf-asdf-asdf-asdf-0",
    timestamp: "2006-01-02T15:04:05Z",
    action: "push",
    target: {
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      digest: "sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf",
      size: 1,
      length: 1,
      repository: "library/test",
      url: "https://example.com/v2/library/test/manifests/sha256:c3b3692957d439ac1928219a83fac91e7bf96c153725526874673ae1f2023f8d5",
      tag: "latest",
    },
    request: { host: "registrycluster.local" },
    actor: { name: "test-actor" },
    source: { addr: "hostname.local:port" },
  };

  test("is what its documentation shows of a push", () => {
    expect(formats.distribution.contentType).toBe(
      "application/vnd.docker.distribution.events.v2+json",
    );
    const [envelope = {}] = write("distribution", pushed);
    expect(shapeOf(envelope)).toEqual(shapeOf({ events: [documented] }));
    expect(envelope["events"]).toMatchObject([
      { action: "push", target: { digest, repository: "test-webhook/debian", tag: "latest" } },
    ]);
  });

  test("has an event for each tag, and for a deletion no more than what went", () => {
    const [envelope = {}] = write("distribution", twoTags);
    expect(envelope["events"]).toMatchObject([{ id: "audit-7-1" }, { id: "audit-7-2" }]);
    const [deleted = {}] = write("distribution", { ...pushed, type: "image.deleted" });
    const target = { digest, repository: "test-webhook/debian" };
    expect((deleted["events"] as Json[])[0]).toMatchObject({ action: "delete" });
    expect((deleted["events"] as Json[])[0]?.["target"]).toEqual(target);
  });
});

describe("text", () => {
  test("says what its template says", () => {
    expect(write("text", pushed)).toEqual([
      { text: "image.pushed: hub.harbor.com/test-webhook/debian:latest by admin" },
    ]);
    const template = '"{tags}" of {repository} ({project}) is {digest} since {time} {{actor}}';
    expect(write("text", twoTags, template)).toEqual([
      {
        text: `"v1, v2" of test-webhook/debian (test-webhook) is ${digest} since 2020-04-15T03:45:08.000Z {admin}`,
      },
    ]);
  });

  test("a word that means nothing is refused by its name", () => {
    expect(brokenTemplateRule("{actor} did {it}")).toContain("{it} means nothing");
    expect(brokenTemplateRule("{constructor}")).toContain("means nothing");
    expect(brokenTemplateRule("{ } {} {actor}")).toBeNull();
  });
});

test("every format writes JSON of every event, or nothing", () => {
  for (const format of formatNames) {
    for (const type of eventTypeNames) {
      for (const image of [pushed.image, null]) {
        for (const repository of [pushed.repository, null]) {
          for (const message of write(format, { ...pushed, type, image, repository })) {
            expect(typeof message).toBe("object");
          }
        }
      }
    }
  }
});
