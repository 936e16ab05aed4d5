import { getSettings } from "../../client/operations.ts";
import { CopyIcon } from "../parts/copy.tsx";
import { Filter, NoMatch, useFilter } from "../parts/filter.tsx";
import { Icon } from "../parts/icon.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { actionsColumn, type Column, Skeleton, Table } from "../parts/table.tsx";
import { matcher, type Operators } from "../state/filter.ts";
import { useResource } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Setting = Awaited<ReturnType<typeof getSettings>>["items"][number];

/** All of them in one answer, which is of one server. */
const settingsMax = 200;

/** What a server was told, and where; secrets are not among it. */
export function Settings() {
  const filter = useFilter();
  const told = useResource("settings", () => getSettings({ limit: settingsMax }));
  const all = told.value?.items ?? [];
  const rows = all.filter(matcher(filter.terms, operators));
  const node = told.value?.node.name;
  const table = { className: "settings", label: text.admin.tabs.settings, columns };
  return (
    <>
      <AdminPlace
        tab="settings"
        sub={node === undefined ? undefined : adminText.settings.what(node)}
      />
      <Filter
        filter={filter}
        operators={operators}
        rows={all}
        example={adminText.settings.filter}
        count={adminText.settings.count(rows.length, all.length)}
      />
      <Loaded of={told} waits={<Skeleton {...table} />}>
        {() => (
          <Table {...table} rows={rows} keyOf={({ name }) => name} classOf={classOf}>
            {rows.length === 0 && (
              <NoMatch
                filter={filter}
                countFor={(terms) => all.filter(matcher(terms, operators)).length}
              />
            )}
          </Table>
        )}
      </Loaded>
    </>
  );
}

const operators: Operators<Setting> = {
  name: {
    isWord: true,
    of: ({ name, variable, purpose, value }) => [name, variable, purpose, value ?? ""],
  },
  from: { values: true, of: ({ from }) => [from] },
  secret: {
    values: true,
    of: ({ secret }) => [secret ? adminText.settings.yes : adminText.settings.no],
  },
};

/** What nobody chose is quiet. */
function classOf({ from }: Setting): string {
  return from === "default" ? "as-is" : "";
}

const columns: readonly Column<Setting>[] = [
  {
    key: "name",
    head: adminText.settings.name,
    className: "s-name",
    cell: ({ name, purpose }) => (
      <>
        <code>{name}</code>
        <span className="q2">{purpose}</span>
      </>
    ),
  },
  { key: "value", head: adminText.settings.value, className: "s-value", cell: shownValue },
  {
    key: "from",
    head: adminText.settings.from,
    className: "s-from",
    cell: ({ from, source, variable }) => (
      <>
        <span>{adminText.settings.sources[from]}</span>
        <code className="q3">{source ?? variable}</code>
      </>
    ),
  },
  {
    ...actionsColumn,
    cell: ({ variable }, isActive) => (
      <CopyIcon
        value={variable}
        label={adminText.settings.copy(variable)}
        tabIndex={isActive ? 0 : -1}
      />
    ),
  },
];

function shownValue({ value, secret, set }: Setting) {
  if (secret) {
    return (
      <span className="q2">
        {set && <Icon name="lock" small />}
        {set ? adminText.settings.secretSet : adminText.settings.secretUnset}
      </span>
    );
  }
  return value === "" ? (
    <span className="q3">{adminText.settings.empty}</span>
  ) : (
    <code>{value}</code>
  );
}
