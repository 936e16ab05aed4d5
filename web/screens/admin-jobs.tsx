import { getChores } from "../../client/operations.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { WhenOrNever } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Chore = Awaited<ReturnType<typeof getChores>>["items"][number];

export function Jobs() {
  const list = useList("chores", (page) => getChores(page));
  return (
    <>
      <AdminPlace tab="jobs" sub={adminText.jobs.what} />
      <div className="apart">
        <ListTable
          list={list}
          className="jobs"
          label={text.admin.tabs.jobs}
          columns={columns}
          rows={list.value?.items}
          keyOf={({ name }) => name}
        />
      </div>
    </>
  );
}

const columns: readonly Column<Chore>[] = [
  {
    key: "state",
    head: <span className="sr">{text.state}</span>,
    cell: ({ state, outcome }) => {
      if (state === "running") return <Mark name="live" label={adminText.jobs.running} />;
      if (outcome === null) return <Mark name="waiting" label={adminText.jobs.waiting} />;
      return outcome.startsWith("failed") ? (
        <Mark name="failed" label={adminText.jobs.failed} />
      ) : (
        <Mark name="done" label={adminText.jobs.done} />
      );
    },
  },
  { key: "name", head: adminText.jobs.name, className: "cut", cell: ({ name }) => name },
  {
    key: "outcome",
    head: adminText.jobs.outcome,
    className: "cut q2 q-p",
    cell: ({ state, outcome }) =>
      state === "running" ? adminText.jobs.running : (outcome ?? text.never),
  },
  {
    key: "last",
    head: adminText.jobs.last,
    className: "q-l",
    cell: ({ finished_at }) => <WhenOrNever time={finished_at} />,
  },
  {
    key: "next",
    head: adminText.jobs.next,
    cell: ({ due_at, state }) => (state === "running" ? text.now : <WhenOrNever time={due_at} />),
  },
];
