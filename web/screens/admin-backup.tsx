import { getBackups, getSettings } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { Code, CopyIcon } from "../parts/copy.tsx";
import { ago } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { ListTable, Loaded } from "../parts/loaded.tsx";
import { Notice } from "../parts/notice.tsx";
import { Facts, Section } from "../parts/place.tsx";
import { Size, When } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";
import {
  type BackedUp,
  type BackupStep,
  type BackupTarget,
  backupTargets,
  makeSteps,
  restoreSteps,
} from "./backup-lines.ts";

type Made = Awaited<ReturnType<typeof getBackups>>["items"][number];
type Told = Awaited<ReturnType<typeof getSettings>>;

const docs = "/docs/backup-and-restore";
const settingsMax = 200;

/** Which backups were made, the commands that make one and bring it back, and what none of them holds. */
export function Backup() {
  const settings = useResource("settings", () => getSettings({ limit: settingsMax }));
  return (
    <>
      <AdminPlace
        tab="backup"
        sub={
          <>
            {adminText.backup.what} <a href={docs}>{adminText.backup.docs}</a>.
          </>
        }
      />
      <Loaded of={settings}>
        {(told) => (
          <>
            <MadeSoFar isElsewhere={settingValue(told, "database") !== ""} />
            <Commands told={told} />
          </>
        )}
      </Loaded>
    </>
  );
}

function MadeSoFar({ isElsewhere }: { isElsewhere: boolean }) {
  const list = useList("backups", (page) => getBackups(page));
  const newest = useResource("backups newest", () => getBackups({ limit: 1 }));
  const since = newest.value?.unfinished_since ?? null;
  return (
    <Section title={adminText.backup.made}>
      {since !== null && (
        <Notice
          kind="warn"
          what={adminText.backup.unfinished(ago(since))}
          more={adminText.backup.unfinishedWhy}
        />
      )}
      <ListTable
        list={list}
        className="backups"
        label={adminText.backup.made}
        columns={columns}
        rows={list.value?.items}
        barRows={2}
        keyOf={({ name }) => name}
        none={
          <p className="none">
            {isElsewhere ? adminText.backup.noneElsewhere : adminText.backup.none}
          </p>
        }
      />
    </Section>
  );
}

const columns: readonly Column<Made>[] = [
  {
    key: "made",
    head: adminText.backup.madeAt,
    className: "b-at",
    cell: ({ made_at, broken }) => (
      <>
        {broken > 0 && <Mark name="attention" label={adminText.backup.broken(broken)} />}
        <When time={made_at} />
      </>
    ),
  },
  {
    key: "to",
    head: adminText.backup.to,
    className: "cut mono b-to",
    cell: ({ to, name }) => <span title={`${to} ${name}`}>{to}</span>,
  },
  {
    key: "kind",
    head: adminText.backup.kind,
    className: "q-p",
    cell: ({ whole }) => (whole ? adminText.backup.whole : adminText.backup.list),
  },
  {
    key: "blobs",
    head: adminText.backup.blobs,
    className: "r q-p",
    cell: ({ blobs }) => text.number(blobs),
  },
  { key: "size", head: text.size, className: "r", cell: ({ bytes }) => <Size bytes={bytes} /> },
  {
    key: "copied",
    head: adminText.backup.copied,
    className: "r q-p",
    cell: ({ copied_bytes }) => <Size bytes={copied_bytes} />,
  },
];

function useTarget(): BackupTarget {
  const asked = usePlace().search.get("target");
  return backupTargets.find((each) => each === asked) ?? "folder";
}

function Commands({ told }: { told: Told }) {
  const target = useTarget();
  const database = settingValue(told, "database");
  const from: BackedUp = {
    program: told.program,
    data: settingValue(told, "data"),
    // The server shows it with its password as ***, which pg_dump takes from elsewhere.
    database: database === "" ? null : database.replace(":***@", "@"),
    isInBucket: settingValue(told, "blobs") !== "",
    hasKeySetting: settingOf(told, "secret_key")?.set === true,
  };
  return (
    <>
      <Section
        title={adminText.backup.make}
        aside={from.database === null ? <Targets target={target} /> : undefined}
      >
        {from.database === null && <p className="q2 lead-in">{adminText.backup.leads[target]}</p>}
        <Steps steps={makeSteps(target, from)} />
      </Section>
      <Section title={adminText.backup.keep}>
        <p className="q2 lead-in">{adminText.backup.keepWhy}</p>
        <Facts rows={keptApart(told, from)} />
      </Section>
      <Section title={adminText.backup.restore}>
        {from.database === null && <p className="q2 lead-in">{adminText.backup.restoreLead}</p>}
        <Steps steps={restoreSteps(target, from)} />
      </Section>
    </>
  );
}

function Targets({ target }: { target: BackupTarget }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form
    <span className="seg" role="group" aria-label={adminText.backup.target}>
      {backupTargets.map((each) => (
        <button
          key={each}
          type="button"
          aria-pressed={each === target}
          data-action="backup-target"
          data-name={each}
          onClick={() => setSearch({ target: each === "folder" ? null : each })}
        >
          {adminText.backup.targets[each]}
        </button>
      ))}
    </span>
  );
}

function Steps({ steps }: { steps: readonly BackupStep[] }) {
  const hints: Partial<Record<string, string>> = adminText.backup.hints;
  return steps.map(({ kind, lines, hint = kind }, index) => (
    <section key={kind} className="step" data-name={kind}>
      <b>{text.number(index + 1)}</b>
      <div>
        <h3>{adminText.backup.steps[kind]}</h3>
        <Code lines={lines} label={adminText.backup.steps[kind]} />
        {hints[hint] !== undefined && <p className="hint">{hints[hint]}</p>}
      </div>
    </section>
  ));
}

function keptApart(told: Told, { data, hasKeySetting }: BackedUp) {
  const key = hasKeySetting ? (settingOf(told, "secret_key")?.source ?? "") : `${data}/secret.key`;
  const chosen = told.items.filter(({ from }) => from !== "default").length;
  return [
    [
      adminText.backup.secretKey,
      <span key="key" className="row">
        <code className="cut">{key}</code>
        {!hasKeySetting && <CopyIcon value={key} label={text.copy} />}
      </span>,
    ],
    [
      adminText.backup.settings,
      <span key="settings">
        {adminText.backup.ofSettings(chosen)}{" "}
        <Link href={`${paths.admin("settings")}?q=-from:default`}>{adminText.backup.show}</Link>
      </span>,
    ],
  ] as const;
}

function settingOf({ items }: Told, asked: string) {
  return items.find(({ name }) => name === asked);
}

function settingValue(told: Told, asked: string): string {
  return settingOf(told, asked)?.value ?? "";
}
