import { Link } from "../app/link.tsx";
import { Notice } from "../parts/notice.tsx";
import { Place } from "../parts/place.tsx";
import { paths } from "../state/location.ts";
import { useAccount } from "../state/session.ts";
import { text } from "../text/text.ts";
import { Access } from "./admin-access.tsx";
import { Audit } from "./admin-audit.tsx";
import { Backup } from "./admin-backup.tsx";
import { Groups } from "./admin-groups.tsx";
import { Health } from "./admin-health.tsx";
import { Invitations } from "./admin-invitations.tsx";
import { Jobs } from "./admin-jobs.tsx";
import { Nodes } from "./admin-nodes.tsx";
import { Providers } from "./admin-providers.tsx";
import { RegistryPulls } from "./admin-pulls.tsx";
import { RegistryRobots } from "./admin-robots.tsx";
import { Settings } from "./admin-settings.tsx";
import { Storage } from "./admin-storage.tsx";
import { Users } from "./admin-users.tsx";
import { RegistryWebhooks } from "./admin-webhooks.tsx";
import { Workloads } from "./admin-workloads.tsx";

type AdminTab = keyof typeof text.admin.tabs;

const groups: readonly { readonly name: string; readonly tabs: readonly AdminTab[] }[] = [
  {
    name: text.admin.people,
    tabs: ["users", "groups", "robots", "access", "invitations", "providers", "workloads"],
  },
  { name: text.admin.registry, tabs: ["storage", "webhooks", "jobs", "nodes"] },
  { name: text.admin.record, tabs: ["audit", "pulls"] },
  { name: text.admin.server, tabs: ["health", "backup", "settings"] },
];

export default function AdminScreen({ tab }: { tab: string }) {
  const { administrator } = useAccount();
  const shown: AdminTab = Object.hasOwn(text.admin.tabs, tab) ? (tab as AdminTab) : "storage";
  if (!administrator) {
    return (
      <main className="page first" id="main">
        <Place
          name={text.nav.admin}
          crumbs={[{ label: location.host }]}
          title={<h1 tabIndex={-1}>{text.nav.admin}</h1>}
        />
        <div className="apart">
          <Notice kind="warn" what={text.admin.mayNot} more={text.admin.mayNotWhy} />
        </div>
      </main>
    );
  }
  return (
    <div className="withside">
      <nav className="side" aria-label={text.nav.admin}>
        {groups.map(({ name, tabs }) => (
          <div key={name}>
            <h2>{name}</h2>
            {tabs.map((each) => (
              <Link
                key={each}
                href={paths.admin(each)}
                aria-current={each === shown ? "page" : undefined}
              >
                {text.admin.tabs[each]}
              </Link>
            ))}
          </div>
        ))}
      </nav>
      <main className="adm" id="main">
        {shown === "storage" && <Storage />}
        {shown === "webhooks" && <RegistryWebhooks />}
        {shown === "jobs" && <Jobs />}
        {shown === "nodes" && <Nodes />}
        {shown === "users" && <Users />}
        {shown === "groups" && <Groups />}
        {shown === "robots" && <RegistryRobots />}
        {shown === "access" && <Access />}
        {shown === "invitations" && <Invitations />}
        {shown === "providers" && <Providers />}
        {shown === "workloads" && <Workloads />}
        {shown === "audit" && <Audit />}
        {shown === "pulls" && <RegistryPulls />}
        {shown === "health" && <Health />}
        {shown === "backup" && <Backup />}
        {shown === "settings" && <Settings />}
      </main>
    </div>
  );
}
