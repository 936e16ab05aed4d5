import { getPulls } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { exactTime } from "../parts/format.ts";
import { ListTable } from "../parts/loaded.tsx";
import { Middle } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { paths } from "../state/location.ts";
import { adminText } from "../text/admin.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { Ask, LookFurther, useAsked } from "./admin-ask.tsx";
import { AdminPlace } from "./admin-place.tsx";

type Pull = Awaited<ReturnType<typeof getPulls>>["items"][number];

/** Who pulled what of the whole registry, the newest first. */
export function RegistryPulls() {
  const asked = useAsked(["principal", "repository", "address"]);
  const query = new URLSearchParams(asked);
  const list = useList(
    `pulls ${query}`,
    (page) => getPulls({ ...asked, ...page }),
    query.size > 0 ? "opened" : "timed",
  );
  return (
    <>
      <AdminPlace tab="pulls" sub={adminText.pulls.what} />
      <Ask
        record="pulls"
        asked={asked}
        fields={adminText.pulls.filters}
        exported={{
          label: adminText.pulls.export(query.size > 0),
          href: `/api/v1/pulls/export?${query}`,
          file: "pulls.ndjson",
        }}
      />
      <ListTable
        list={list}
        className="audit all-pulls"
        label={text.admin.tabs.pulls}
        columns={columns}
        rows={list.value?.items.map((pull, index) => ({ ...pull, index }))}
        keyOf={({ index }) => `${index}`}
        none={
          list.value?.next === null && (
            <p className="none">
              {query.size > 0 ? adminText.pulls.noMatch : imagesText.pulls.none}
            </p>
          )
        }
      />
      <LookFurther list={list} />
    </>
  );
}

const columns: readonly Column<Pull & { readonly index: number }>[] = [
  {
    key: "at",
    head: adminText.audit.at,
    className: "cut a-at",
    cell: ({ at }) => <time dateTime={at}>{exactTime(at)}</time>,
  },
  {
    key: "who",
    head: imagesText.pulls.who,
    className: "cut a-who",
    cell: ({ principal }) => <Middle name={principal ?? text.nobody} />,
  },
  {
    key: "what",
    head: adminText.pulls.image,
    className: "cut a-on",
    cell: ({ repository, tag, digest, platform }, isActive) =>
      repository === null ? (
        <span className="q3">{adminText.pulls.gone}</span>
      ) : (
        <>
          <Link
            className="mono"
            href={paths.digest(repository, digest)}
            tabIndex={isActive ? 0 : -1}
          >
            {tag === null ? `${repository}@${digest.slice(0, 19)}` : `${repository}:${tag}`}
          </Link>{" "}
          <span className="q3">{platform}</span>
        </>
      ),
  },
  {
    key: "from",
    head: imagesText.pulls.from,
    className: "cut mono q3 a-from",
    cell: ({ address }) => address,
  },
  {
    key: "client",
    head: imagesText.pulls.client,
    className: "cut q3 a-client",
    cell: ({ user_agent }) => <span title={user_agent}>{user_agent}</span>,
  },
];
