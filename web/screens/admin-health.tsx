import { getHealth } from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { Mark, type MarkName } from "../parts/icon.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { When } from "../parts/signs.tsx";
import { paths } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import type { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";

type Told = Awaited<ReturnType<typeof getHealth>>;
type Check = Told["checks"][number];

const markOf: Readonly<Record<Check["state"], MarkName>> = {
  ok: "done",
  warn: "attention",
  bad: "failed",
};

/** The worst first. */
const order: readonly Check["state"][] = ["bad", "warn", "ok"];

/** Screens that say more of it. */
const screens: Partial<Record<Check["name"], keyof typeof text.admin.tabs>> = {
  blobs: "storage",
  clock: "nodes",
  nodes: "nodes",
  settings: "settings",
  backup: "backup",
  garbage: "storage",
  stored: "storage",
  chores: "jobs",
  webhooks: "webhooks",
};

export function Health() {
  const told = useResource("health", () => getHealth({}));
  const node = told.value?.node.name;
  return (
    <>
      <AdminPlace
        tab="health"
        sub={node === undefined ? undefined : adminText.health.what(node)}
        end={
          <button
            type="button"
            className="btn"
            data-action="look-again"
            aria-disabled={told.isLoading}
            onClick={told.reload}
          >
            {told.isLoading && <Mark name="live" />}
            {adminText.health.look}
          </button>
        }
      />
      <div className="apart">
        <Loaded of={told} waits={<Bars />}>
          {({ state, checks }) => (
            <>
              <p className="big" role="status">
                <Mark name={markOf[state]} />
                {verdict(checks)}
              </p>
              <ul className="checks">
                {order
                  .flatMap((each) => checks.filter((check) => check.state === each))
                  .map((check) => (
                    <Row key={check.name} {...check} />
                  ))}
              </ul>
            </>
          )}
        </Loaded>
      </div>
    </>
  );
}

function verdict(checks: readonly Check[]): string {
  const count = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
  const [bad, warn] = [count("bad"), count("warn")];
  if (bad === 0) return warn === 0 ? adminText.health.well : adminText.health.toLookAt(warn);
  const wrong = adminText.health.wrong(bad);
  return warn === 0 ? wrong : adminText.health.and(wrong, adminText.health.toLookAt(warn));
}

function Row({ name, state, message, advice, at }: Check) {
  const screen = screens[name];
  return (
    <li data-name={name} data-state={state}>
      <Mark name={markOf[state]} label={adminText.health.states[state]} />
      <h2>
        {screen === undefined ? (
          adminText.health.checks[name]
        ) : (
          <Link href={paths.admin(screen)}>{adminText.health.checks[name]}</Link>
        )}
      </h2>
      <div>
        <p>{sentence(message)}</p>
        {advice !== null && <p className="q2">{sentence(advice)}</p>}
      </div>
      <span className="q3 nw">{at !== null && <When time={at} />}</span>
    </li>
  );
}

/** What the server says begins small, as words of a log do. */
function sentence(words: string): string {
  return words.replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, "$&.");
}

function Bars() {
  return (
    <ul className="checks waits" aria-busy="true">
      {Object.keys(adminText.health.checks)
        .slice(0, 8)
        .map((name, index) => (
          <li key={name} className={`fade-${index}`}>
            <span />
            <span className="skel w-1" />
            <span className="skel w-3" />
          </li>
        ))}
    </ul>
  );
}
