import type { ReactNode } from "react";
import { getAttention } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { ago, exactTime } from "../parts/format.ts";
import { Mark, type MarkName } from "../parts/icon.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { paths } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { text } from "../text/text.ts";

type Told = Awaited<ReturnType<typeof getAttention>>;

interface Item {
  readonly key: string;
  readonly mark: MarkName;
  readonly name: string;
  readonly href: string;
  readonly what: ReactNode;
}

const shownMax = 8;

/** What the caller may mend, the worst first. */
export function Attention() {
  const told = useResource("attention", () => getAttention({}));
  const items = told.value === undefined ? [] : itemsOf(told.value);
  return (
    <Section
      title={text.attention.title}
      aside={items.length === 0 ? undefined : text.number(items.length)}
    >
      <Loaded of={told}>
        {() =>
          items.length === 0 ? (
            <p className="none">{text.attention.none}</p>
          ) : (
            <ul className="need">
              {items.slice(0, shownMax).map(({ key, mark, name, href, what }) => (
                <li key={key} data-name={key}>
                  <Mark
                    name={mark}
                    label={mark === "failed" ? text.attention.failed : text.attention.soon}
                  />
                  <div>
                    <Link href={href}>{name}</Link>
                    <p>{what}</p>
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {items.length > shownMax && <p className="q3">{text.andMore(items.length - shownMax)}</p>}
    </Section>
  );
}

function itemsOf({ chores, webhooks, robots, trash }: Told): Item[] {
  return [
    ...chores.map(({ name, outcome, at }) => ({
      ...{ key: `chore ${name}`, mark: "failed" as const, name: text.attention.job(name) },
      href: paths.admin("jobs"),
      what: (
        <>
          {outcome}
          {at !== null && <>, {ago(at)}</>}
        </>
      ),
    })),
    ...webhooks.map(({ id, project, url, state, failures, failing_since }) => ({
      ...{ key: `webhook ${id}`, mark: "failed" as const },
      name: text.attention.webhook(hostOf(url), project),
      href: `${project === null ? paths.admin("webhooks") : paths.project(project, "webhooks")}?webhook=${id}`,
      what:
        state === "disabled"
          ? text.attention.webhookOff
          : text.attention.webhookFails(
              failures,
              failing_since === null ? null : ago(failing_since),
            ),
    })),
    ...robots.map(({ name, project, expires_at }) => ({
      ...{ key: `robot ${name}`, mark: "attention" as const },
      name: text.attention.robot(name),
      href: `${project === null ? paths.admin("robots") : paths.project(project, "robots")}?robot=${name}`,
      what: <span title={exactTime(expires_at)}>{text.attention.robotEnds(ago(expires_at))}</span>,
    })),
    ...(trash === null
      ? []
      : [
          {
            ...{ key: "trash", mark: "attention" as const, name: text.nav.trash },
            href: `${paths.trash}?q=${encodeURIComponent("erases:<2d")}`,
            what: (
              <span title={exactTime(trash.first_at)}>
                {text.attention.trashEnds(trash.items, ago(trash.first_at))}
              </span>
            ),
          },
        ]),
  ];
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
