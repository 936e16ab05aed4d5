import type { ReactNode } from "react";
import {
  getProjectsOfProject,
  getRepositoriesImagesOfRepositoryReference,
} from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { Code, CopyIcon } from "../parts/copy.tsx";
import { sizeText } from "../parts/format.ts";
import { Hoist } from "../parts/hoist.tsx";
import { Icon, Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Facts, Place, Section } from "../parts/place.tsx";
import { useCopyReference } from "../parts/reference.tsx";
import { Digest, When } from "../parts/signs.tsx";
import { type Push, useArrival } from "../state/arrival.ts";
import { paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { host, useAccount } from "../state/session.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { Platforms } from "./image-signs.tsx";
import { type PushClient, pushClients, pushSteps } from "./push-lines.ts";

/** Where it waits, and for what. */
interface Waits {
  /** A project, a repository, or "": anywhere. */
  readonly within: string;
  /** `project/app`, which the lines push to. */
  readonly repository: string;
  readonly tag: string;
  /** Nothing is there yet. */
  readonly isFirst: boolean;
}

/** A page of its own: the lines that push an image here, and the push when it comes. */
export function PushGuideScreen({
  isFirst = false,
  onDone,
}: {
  isFirst?: boolean;
  onDone?: () => void;
}) {
  const { name } = useAccount();
  return (
    <main className="page" id="main">
      <Place
        name={text.guide.open}
        crumbs={[{ label: host }]}
        title={<h1 tabIndex={-1}>{isFirst ? imagesText.guide.first : text.guide.open}</h1>}
        end={<Clients />}
        sub={imagesText.guide.what(host, name)}
      />
      <Guide
        {...{ within: "", repository: `${name}/alpine`, tag: "3.22", isFirst, onDone }}
        mayLeave={onDone !== undefined}
      />
    </main>
  );
}

/** In a project or a repository that has nothing yet. */
export function PushGuide({
  title,
  lead,
  mayPush,
  onDone,
  ...waits
}: Omit<Waits, "isFirst"> & {
  title: string;
  lead: string;
  /** Undefined: it is not known yet. */
  mayPush: boolean | undefined;
  onDone: () => void;
}) {
  if (mayPush === undefined) return null;
  if (!mayPush) {
    return (
      <div className="emp">
        <h2>{title}</h2>
        <p className="lead">{imagesText.guide.mayNot}</p>
      </div>
    );
  }
  return (
    <>
      <div className="emp row wrap">
        <div className="grow">
          <h2>{title}</h2>
          <p className="lead">{lead}</p>
        </div>
        <Clients />
      </div>
      <Guide {...waits} isFirst onDone={onDone} />
    </>
  );
}

function useClient(): PushClient {
  const asked = usePlace().search.get("client");
  return pushClients.find((each) => each === asked) ?? "docker";
}

function Clients() {
  const client = useClient();
  return (
    // biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form
    <span className="seg" role="group" aria-label={text.reference.client}>
      {pushClients.map((each) => (
        <button
          key={each}
          type="button"
          aria-pressed={each === client}
          data-action="guide-client"
          data-name={each}
          onClick={() => setSearch({ client: each === "docker" ? null : each })}
        >
          {each}
        </button>
      ))}
    </span>
  );
}

function Guide({
  onDone,
  mayLeave = false,
  ...waits
}: Waits & {
  onDone?: (() => void) | undefined;
  /** Before anything came, for what else is there. */
  mayLeave?: boolean;
}) {
  const client = useClient();
  const { name } = useAccount();
  const { push, error } = useArrival(waits.within, waits.isFirst);
  const { repository, tag } = waits;
  const isPlain = location.protocol === "http:";
  const steps = pushSteps(client, { host, user: name, repository, tag, isPlain });
  return (
    <div className="guide">
      <div>
        {steps.map(({ kind, lines }, index) => (
          <section key={kind} className={push === null ? "step" : "step ok"}>
            <b>{push === null ? text.number(index + 1) : <Mark name="done" />}</b>
            <div>
              <h2>{imagesText.guide.steps[kind]}</h2>
              <Code lines={lines} label={imagesText.guide.steps[kind]} />
              {kind === "signIn" && (
                <p className="hint">
                  {client === "crane" ? imagesText.guide.typed : imagesText.guide.password}{" "}
                  <Link href={paths.profile()}>{imagesText.guide.token}</Link>.
                </p>
              )}
            </div>
          </section>
        ))}
      </div>
      <div className="dock" role="status" aria-live="polite">
        {error !== null && push === null && <Trouble error={error} />}
        {push === null ? (
          <Waiting {...waits} client={client} />
        ) : (
          <Arrived push={push} isFirst={waits.isFirst} isAnywhere={waits.within === ""} />
        )}
        {onDone !== undefined && (push !== null || mayLeave) && (
          <p className="apart">
            <button type="button" className="btn" data-action="guide-done" onClick={onDone}>
              {imagesText.guide.done}
            </button>
          </p>
        )}
      </div>
    </div>
  );
}

function Waiting({ within, repository, isFirst, client }: Waits & { client: PushClient }) {
  const troubles = [
    { action: "guide-http", of: imagesText.guide.troubles.http(host, client) },
    { action: "guide-denied", of: imagesText.guide.troubles.denied(repository) },
    { action: "guide-host", of: imagesText.guide.troubles.host(`${location.origin}/v2/`) },
  ];
  return (
    <>
      <p className="big">
        <Mark name="live" />
        {isFirst ? imagesText.guide.waitsFirst : imagesText.guide.waits}
      </p>
      <p className="q2">
        {within === "" ? imagesText.guide.waitsAnywhere : imagesText.guide.waitsFor}{" "}
        {within !== "" && <code>{`${host}/${within}`}</code>}
      </p>
      <h2 className="ask-trouble">{imagesText.guide.nothing}</h2>
      {troubles.map(({ action, of: [what, way] }) => (
        <details key={action}>
          <summary data-action={action}>
            <code>{what}</code>
          </summary>
          <p className="q2">{way}</p>
        </details>
      ))}
    </>
  );
}

function Arrived({
  push: { repository, tag, at },
  isFirst,
  isAnywhere,
}: {
  push: Push;
  isFirst: boolean;
  isAnywhere: boolean;
}) {
  const shown = useResource(`image ${repository} ${tag} `, () =>
    getRepositoriesImagesOfRepositoryReference({ repository, reference: tag }),
  );
  const [project = ""] = repository.split("/");
  const about = useResource(`project ${project}`, () => getProjectsOfProject({ project }));
  const manages = about.value?.allowed.includes("project:manage") === true;
  const reference = useCopyReference();
  const pull = reference(`${repository}:${tag}`);
  const image = shown.value;
  return (
    <>
      {isFirst && isAnywhere && <Hoist />}
      <p className="big">{isFirst ? imagesText.guide.arrivedFirst : imagesText.guide.arrived}</p>
      <Facts
        rows={[
          [
            imagesText.guide.image,
            <Link key="image" className="tag" href={paths.tag(repository, tag)}>
              {repository}:{tag}
            </Link>,
          ],
          ...(image === undefined
            ? []
            : ([
                [text.digest, <Digest key="digest" digest={image.digest} groups={4} />],
                [
                  text.tags.platforms,
                  <Platforms
                    key="platforms"
                    kind={image.kind}
                    platforms={image.platforms.flatMap(({ platform }) => platform ?? [])}
                  />,
                ],
                [text.size, sizeText(image.size)],
              ] as const)),
          [text.tags.pushed, <When key="at" time={at} by={image?.pushed_by ?? null} />],
        ]}
      />
      <Section title={imagesText.guide.next}>
        <ul className="next">
          <Next icon="box" end={<Link href={paths.tag(repository, tag)}>{tag}</Link>}>
            {imagesText.guide.look}
          </Next>
          <Next icon="link" end={<CopyIcon value={pull} label={imagesText.guide.copyPull} />}>
            {imagesText.guide.pull} <code>{pull}</code>
          </Next>
          {manages && (
            <>
              <Next
                icon="robot"
                end={<Link href={paths.project(project, "robots")}>{text.project.robots}</Link>}
              >
                {imagesText.guide.robot}
              </Next>
              <Next
                icon="people"
                end={<Link href={paths.project(project, "members")}>{text.project.members}</Link>}
              >
                {imagesText.guide.invite}
              </Next>
            </>
          )}
        </ul>
      </Section>
    </>
  );
}

function Next({
  icon,
  end,
  children,
}: {
  icon: "box" | "link" | "robot" | "people";
  end: ReactNode;
  children: ReactNode;
}) {
  return (
    <li>
      <Icon name={icon} small />
      <span className="cut">{children}</span>
      {end}
    </li>
  );
}
