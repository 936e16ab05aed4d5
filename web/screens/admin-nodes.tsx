import { getNodes } from "../../client/operations.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { When } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Node = Awaited<ReturnType<typeof getNodes>>["items"][number];

/** A clock that is further off takes no work that deletes. */
const clockMsMax = 60_000;

export function Nodes() {
  const list = useList("nodes", (page) => getNodes(page));
  return (
    <>
      <AdminPlace tab="nodes" sub={adminText.nodes.what} />
      <div className="apart">
        <ListTable
          list={list}
          className="nodes"
          label={text.admin.tabs.nodes}
          columns={columns}
          rows={list.value?.items}
          barRows={2}
          keyOf={({ id }) => id}
        />
      </div>
    </>
  );
}

const columns: readonly Column<Node>[] = [
  {
    key: "state",
    head: <span className="sr">{text.state}</span>,
    cell: ({ state }) =>
      state === "live" ? (
        <Mark name="done" label={adminText.nodes.live} />
      ) : (
        <Mark name="stopped" label={adminText.nodes.gone} />
      ),
  },
  { key: "name", head: adminText.nodes.name, className: "cut", cell: ({ name }) => name },
  {
    key: "address",
    head: adminText.nodes.address,
    className: "cut mono q-p",
    cell: ({ address }) => address,
  },
  {
    key: "version",
    head: adminText.nodes.version,
    className: "q-l",
    cell: ({ version }) => version,
  },
  {
    key: "processes",
    head: adminText.nodes.processes,
    className: "r q-l",
    cell: ({ processes }) => text.number(processes),
  },
  {
    key: "clock",
    head: adminText.nodes.clock,
    className: "r q-l",
    cell: ({ clock_ahead_ms: ms }) => (
      <span className={Math.abs(ms) > clockMsMax ? "t-bad" : undefined}>
        {adminText.nodes.ahead(ms)}
      </span>
    ),
  },
  { key: "seen", head: adminText.nodes.seen, cell: ({ seen_at }) => <When time={seen_at} /> },
];
