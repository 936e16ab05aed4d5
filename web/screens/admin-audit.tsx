import { getAudit } from "../../client/operations.ts";
import { exactTime } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Middle } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { text } from "../text/text.ts";
import { Ask, useAsked } from "./admin-ask.tsx";
import { AdminPlace } from "./admin-place.tsx";

type Line = Awaited<ReturnType<typeof getAudit>>["items"][number];

/** Who changed what, the newest first. */
export function Audit() {
  const asked = useAsked(["actor", "action", "resource"]);
  const list = useList(`audit ${JSON.stringify(asked)}`, (page) => getAudit({ ...asked, ...page }));
  return (
    <>
      <AdminPlace tab="audit" sub={text.audit.what} />
      <Ask
        record="audit"
        asked={asked}
        fields={text.audit.filters}
        exported={{
          label: text.audit.export,
          href: "/api/v1/audit/export",
          file: "audit.ndjson",
        }}
      />
      <ListTable
        list={list}
        className="audit"
        label={text.admin.tabs.audit}
        columns={columns}
        rows={list.value?.items}
        keyOf={({ seq }) => `${seq}`}
        none={<p className="none">{text.audit.none}</p>}
      />
    </>
  );
}

const columns: readonly Column<Line>[] = [
  {
    key: "result",
    head: <span className="sr">{text.audit.result}</span>,
    cell: ({ result }) => (
      <Mark
        name={result === "done" ? "done" : "failed"}
        label={result === "done" ? text.audit.done : text.audit.refused}
      />
    ),
  },
  {
    key: "at",
    head: text.audit.at,
    className: "cut a-at",
    cell: ({ at }) => <time dateTime={at}>{exactTime(at)}</time>,
  },
  {
    key: "actor",
    head: text.audit.filters.actor.label,
    className: "cut a-who",
    cell: ({ actor }) => <Middle name={actor} />,
  },
  {
    key: "action",
    head: text.audit.filters.action.label,
    className: "cut mono a-what",
    cell: ({ action }) => action,
  },
  {
    key: "resource",
    head: text.audit.filters.resource.label,
    className: "cut mono a-on",
    cell: ({ resource, detail }) => (
      <span title={`${resource} ${JSON.stringify(detail)}`}>{resource}</span>
    ),
  },
  {
    key: "address",
    head: text.pulls.from,
    className: "cut mono q3 a-from",
    cell: ({ address }) => address,
  },
];
