import { getAudit } from "../../client/operations.ts";
import { exactTime } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Middle } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { Ask, LookFurther, useAsked } from "./admin-ask.tsx";
import { AdminPlace } from "./admin-place.tsx";

type Filter = keyof typeof adminText.audit.filters;
type Line = Awaited<ReturnType<typeof getAudit>>["items"][number];

/** Who changed what, the newest first. */
export function Audit() {
  const asked = useAsked(["actor", "action", "resource", "address", "result"]);
  const list = useList(
    `audit ${JSON.stringify(asked)}`,
    (page) => getAudit({ ...askedOf(asked), ...page }),
    Object.keys(asked).length > 0 ? "opened" : "timed",
  );
  return (
    <>
      <AdminPlace tab="audit" sub={adminText.audit.what} />
      <Ask
        record="audit"
        asked={asked}
        fields={adminText.audit.filters}
        choices={{ result: results }}
        exported={{
          label: adminText.audit.export,
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
        none={list.value?.next === null && <p className="none">{adminText.audit.none}</p>}
      />
      <LookFurther list={list} />
    </>
  );
}

const results = [
  { value: "", label: adminText.audit.either },
  { value: "done", label: adminText.audit.done },
  { value: "refused", label: adminText.audit.refused },
];

/** An address may say anything, and the server takes two results. */
function askedOf({
  result,
  ...rest
}: Readonly<Partial<Record<Filter, string>>>): Parameters<typeof getAudit>[0] {
  return result === "done" || result === "refused" ? { ...rest, result } : rest;
}

const columns: readonly Column<Line>[] = [
  {
    key: "result",
    head: <span className="sr">{adminText.audit.filters.result.label}</span>,
    cell: ({ result }) => (
      <Mark
        name={result === "done" ? "done" : "failed"}
        label={result === "done" ? adminText.audit.done : adminText.audit.refused}
      />
    ),
  },
  {
    key: "at",
    head: adminText.audit.at,
    className: "cut a-at",
    cell: ({ at }) => <time dateTime={at}>{exactTime(at)}</time>,
  },
  {
    key: "actor",
    head: adminText.audit.filters.actor.label,
    className: "cut a-who",
    cell: ({ actor }) => <Middle name={actor} />,
  },
  {
    key: "action",
    head: adminText.audit.filters.action.label,
    className: "cut mono a-what",
    cell: ({ action }) => action,
  },
  {
    key: "resource",
    head: adminText.audit.filters.resource.label,
    className: "cut mono a-on",
    cell: ({ resource, detail }) => (
      <span title={`${resource} ${JSON.stringify(detail)}`}>{resource}</span>
    ),
  },
  {
    key: "address",
    head: adminText.audit.filters.address.label,
    className: "cut mono q3 a-from",
    cell: ({ address }) => address,
  },
];
