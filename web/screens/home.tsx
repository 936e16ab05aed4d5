import { useRef, useState } from "react";
import { getProjects, getRecentPulls, getRecentPushes, getUsage } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { ago, exactTime, nameIn, sizeText } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Place, Section } from "../parts/place.tsx";
import { Chip, Size } from "../parts/signs.tsx";
import { StarButton } from "../parts/star.tsx";
import { Timetable } from "../parts/timetable.tsx";
import { recentOf } from "../state/first-answers.ts";
import { useList } from "../state/list.ts";
import { paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { host, useAccount } from "../state/session.ts";
import { useStars } from "../state/stars.ts";
import { text } from "../text/text.ts";
import { Attention } from "./attention.tsx";
import { PushGuideScreen } from "./push-guide-later.tsx";

const projectsShown = 6;

type Pushes = Awaited<ReturnType<typeof getRecentPushes>>;
type Pulls = Awaited<ReturnType<typeof getRecentPulls>>;

/** What the home screen asks for at first. */
export function useRecent() {
  const { search } = usePlace();
  const isMine = search.get("show") === "mine";
  const asked = recentOf(search);
  const pushes = useResource(`recent pushes ${isMine}`, () => getRecentPushes(asked));
  const pulls = useResource(`recent pulls ${isMine}`, () => getRecentPulls(asked));
  return { isMine, pushes, pulls };
}

/** What happened last, and what to look at. Where nothing was pushed yet: how to. */
export function HomeScreen() {
  const { administrator } = useAccount();
  const { isMine, pushes, pulls } = useRecent();
  // Whoever came before the first push sees it arrive where they waited for it.
  const [isDone, setDone] = useState(false);
  const waits = useRef(false);
  // Where the newest pushes are all of others, there may be one to see behind them.
  waits.current ||= !isMine && pushes.value?.items.length === 0 && pushes.value.complete;
  if (waits.current && !isDone) return <PushGuideScreen isFirst onDone={() => setDone(true)} />;
  return (
    <main className="page" id="main">
      <Place
        name={text.nav.home}
        crumbs={[{ label: host }]}
        title={<h1 tabIndex={-1}>{text.nav.home}</h1>}
        end={
          <span className="row wrap">
            <Whose isMine={isMine} />
            <Link className="btn go" href={paths.push}>
              <Icon name="plus" small />
              {text.guide.open}
            </Link>
          </span>
        }
      />
      <div className="cols main">
        <div className="cols two timetables">
          <Section title={text.home.pushed}>
            <Loaded of={pushes} waits={bars}>
              {(value) =>
                value.items.length === 0 ? (
                  <p className="none">{isMine ? text.home.noPushesMine : text.home.noPushes}</p>
                ) : (
                  <PushRows pushes={value} isMine={isMine} />
                )
              }
            </Loaded>
          </Section>
          <Section title={text.home.pulled} aside={text.home.pulledAside}>
            <Loaded of={pulls} waits={bars}>
              {(value) =>
                value.items.length === 0 ? (
                  <p className="none">{isMine ? text.home.noPullsMine : text.home.noPulls}</p>
                ) : (
                  <PullRows pulls={value} />
                )
              }
            </Loaded>
          </Section>
          <Starred />
          <HomeProjects isMine={isMine} />
        </div>
        <aside aria-label={text.home.aside}>
          <Attention />
          {administrator && <HomeStorage />}
        </aside>
      </div>
    </main>
  );
}

function Whose({ isMine }: { isMine: boolean }) {
  const show = (mine: boolean) => () => setSearch({ show: mine ? "mine" : null });
  return (
    // biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form
    <span className="seg" role="group" aria-label={text.home.whose}>
      <button type="button" aria-pressed={!isMine} data-action="show-all" onClick={show(false)}>
        {text.home.all}
      </button>
      <button type="button" aria-pressed={isMine} data-action="show-mine" onClick={show(true)}>
        {text.home.mine}
      </button>
    </span>
  );
}

const bars = (
  <div className="bars" aria-busy="true">
    {[3, 1, 2].map((width) => (
      <span key={width} className={`skel w-${width}`} />
    ))}
  </div>
);

function PushRows({ pushes, isMine }: { pushes: Pushes; isMine: boolean }) {
  const isNew = useArrivals(pushes);
  return (
    <Timetable
      label={text.home.pushed}
      rows={pushes.items.map((push) => ({
        key: keyOf(push),
        time: push.pushed_at,
        isNew: isNew(push),
        quiet: `${push.repository}:`,
        strong: push.tag,
        href: paths.tag(push.repository, push.tag),
        ...(isMine || push.pushed_by === null
          ? { end: "" }
          : { end: nameIn(push.repository, push.pushed_by), endTitle: push.pushed_by }),
      }))}
    />
  );
}

const keyOf = ({ repository, tag, pushed_at }: Pushes["items"][number]) =>
  `${repository}:${tag} ${pushed_at}`;

/** Pushes that came since the screen was opened. */
function useArrivals({ items }: Pushes): (push: Pushes["items"][number]) => boolean {
  const first = useRef<string | null>(null);
  first.current ??= items[0]?.pushed_at ?? "";
  const since = first.current;
  return ({ pushed_at }) => pushed_at > since;
}

function PullRows({ pulls }: { pulls: Pulls }) {
  return (
    <Timetable
      label={text.home.pulled}
      rows={pulls.items.map(({ repository, tag, digest, pulls: count, last_at }) => ({
        key: `${repository} ${tag ?? digest}`,
        time: null,
        count,
        quiet: `${repository}${tag === null ? "@" : ":"}`,
        strong: tag ?? digest.slice(7, 19),
        href: tag === null ? paths.digest(repository, digest) : paths.tag(repository, tag),
        end: ago(last_at),
        endTitle: exactTime(last_at),
      }))}
    />
  );
}

/** What the user marked, wherever it is. */
function Starred() {
  const stars = useStars();
  return (
    <div className="across">
      <Section title={text.stars.title}>
        <Loaded of={stars} waits={bars}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="none">{text.stars.none}</p>
            ) : (
              <ul className="plain-rows starred">
                {items.map(({ kind, name, description }) => (
                  <li key={name} data-name={name}>
                    <Link
                      className="tag cut"
                      href={kind === "project" ? paths.project(name) : paths.repository(name)}
                    >
                      {name}
                    </Link>
                    <span className="cut q2">{description}</span>
                    <StarButton name={name} />
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Section>
    </div>
  );
}

function HomeProjects({ isMine }: { isMine: boolean }) {
  const { name } = useAccount();
  const list = useList("projects", (page) => getProjects(page));
  const all = list.value?.items ?? [];
  const own = isMine ? all.filter(({ created_by }) => created_by === name) : all;
  return (
    <div className="across">
      <Section
        title={text.nav.projects}
        aside={
          <Link href={paths.projects}>
            {text.home.allProjects(all.length, list.value?.next !== null)}
          </Link>
        }
      >
        <Loaded of={list} waits={bars}>
          {() =>
            own.length === 0 ? (
              <p className="none">{isMine ? text.home.noProjectsMine : text.projects.none}</p>
            ) : (
              <ul className="plain-rows">
                {own.slice(0, projectsShown).map((project) => (
                  <li key={project.name}>
                    <span className="row">
                      <Link className="tag cut" href={paths.project(project.name)}>
                        {project.name}
                      </Link>
                      <Chip>{text.visibility[project.visibility]}</Chip>
                    </span>
                    <span className="cut q2">{project.description}</span>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Section>
    </div>
  );
}

/** All blobs are read for it: here it may be some minutes old. */
const usageAgeMs = 10 * 60_000;

function HomeStorage() {
  const usage = useResource<{ at: number; used: Awaited<ReturnType<typeof getUsage>> }>(
    "home usage",
    async (known) =>
      known !== undefined && performance.now() - known.at < usageAgeMs
        ? known
        : { at: performance.now(), used: await getUsage({}) },
  );
  const stored = usage.value?.used.stored_bytes;
  return (
    <Section
      title={text.home.storage}
      aside={
        stored !== undefined && (
          <Link href={paths.admin("storage")}>{text.home.stored(sizeText(stored))}</Link>
        )
      }
    >
      <Loaded of={usage} waits={bars}>
        {({ used }) => (
          <div className="home-stor">
            <div
              className="bar"
              role="img"
              aria-label={text.storage.bar(sizeText(used.stored_bytes))}
            >
              <span style={{ flexGrow: used.unique_bytes + used.shared_bytes }} />
              <span className="two" style={{ flexGrow: used.trash_bytes }} />
              <span className="hat" style={{ flexGrow: used.reclaimable_bytes }} />
            </div>
            <ul>
              <li>
                <span>
                  <span className="sw" />
                  {text.home.images}
                </span>
                <Size bytes={used.unique_bytes + used.shared_bytes} />
              </li>
              <li>
                <span>
                  <span className="sw two" />
                  {text.storage.trash}
                </span>
                <Size bytes={used.trash_bytes} />
              </li>
              <li>
                <span>
                  <span className="sw hat" />
                  {text.storage.reclaimable}
                </span>
                <Size bytes={used.reclaimable_bytes} />
              </li>
            </ul>
          </div>
        )}
      </Loaded>
    </Section>
  );
}
