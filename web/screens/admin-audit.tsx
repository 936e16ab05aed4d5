import type { FormEvent } from "react";
import { getAudit } from "../../client/operations.ts";
import { Field, fieldOf } from "../parts/field.tsx";
import { exactTime } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Middle } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { adminText } from "../text/admin.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Line = Awaited<ReturnType<typeof getAudit>>["items"][number];

const filters = ["actor", "action", "resource"] as const;

/** Who changed what, the newest first. The server looks: the record is long. */
export function Audit() {
  const { search } = usePlace();
  const asked = Object.fromEntries(
    filters.flatMap((name) => {
      const value = search.get(name) ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  );
  const list = useList(`audit ${JSON.stringify(asked)}`, (page) => getAudit({ ...asked, ...page }));
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setSearch(Object.fromEntries(filters.map((name) => [name, fieldOf(fields, name)])));
  };
  return (
    <>
      <AdminPlace tab="audit" sub={adminText.audit.what} />
      <form className="ask" onSubmit={apply} key={JSON.stringify(asked)}>
        {filters.map((name) => (
          <Field
            key={name}
            label={adminText.audit.filters[name]}
            name={name}
            className="in mono"
            autoComplete="off"
            placeholder={adminText.audit.examples[name]}
            defaultValue={search.get(name) ?? ""}
          />
        ))}
        <button type="submit" className="btn" data-action="filter-audit">
          {adminText.audit.show}
        </button>
        {Object.keys(asked).length > 0 && (
          <button
            type="button"
            className="btn quiet"
            data-action="clear-audit-filter"
            onClick={() => setSearch({ actor: null, action: null, resource: null })}
          >
            {text.filter.clear}
          </button>
        )}
      </form>
      <ListTable
        list={list}
        className="audit"
        label={text.admin.tabs.audit}
        columns={columns}
        rows={list.value?.items}
        keyOf={({ seq }) => `${seq}`}
        none={<p className="none">{adminText.audit.none}</p>}
      />
    </>
  );
}

const columns: readonly Column<Line>[] = [
  {
    key: "result",
    head: <span className="sr">{adminText.audit.result}</span>,
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
    head: adminText.audit.filters.actor,
    className: "cut a-who",
    cell: ({ actor }) => <Middle name={actor} />,
  },
  {
    key: "action",
    head: adminText.audit.filters.action,
    className: "cut mono a-what",
    cell: ({ action }) => action,
  },
  {
    key: "resource",
    head: adminText.audit.filters.resource,
    className: "cut mono a-on",
    cell: ({ resource, detail }) => (
      <span title={`${resource} ${JSON.stringify(detail)}`}>{resource}</span>
    ),
  },
  {
    key: "address",
    head: imagesText.pulls.from,
    className: "cut mono q3 a-from",
    cell: ({ address }) => address,
  },
];
