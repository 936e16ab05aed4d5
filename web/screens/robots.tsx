import { useState } from "react";
import { Chooser } from "../parts/chooser.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select, wordsOf } from "../parts/field.tsx";
import { ago } from "../parts/format.ts";
import { Icon, Mark } from "../parts/icon.tsx";
import { NewSecret } from "../parts/new-secret.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Facts } from "../parts/place.tsx";
import { Chip, Pattern, When, WhenOrNever } from "../parts/signs.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { setSearch } from "../state/location.ts";
import { useMounted } from "../state/mounted.ts";
import { changed, useResource } from "../state/resource.ts";
import { type Robot, robotsIn } from "../state/robot-place.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { roleName } from "./members.tsx";
import { Snippets } from "./snippets.tsx";

/** A robot's secret is shown once: it is kept here until the screen is left, and nowhere else. */
interface Shown {
  readonly robot: string;
  readonly secret: string;
}

const soonMs = 14 * 24 * 60 * 60 * 1000;
const expiryChoices = [30, 90, 365];

/** Those of a project, or (null) those that belong to the registry itself. */
export function Robots({ project }: { project: string | null }) {
  const { key, list: read } = robotsIn(project);
  const list = useList(key, (page) => read(page));
  const [isMaking, setMaking] = useState(false);
  const [shown, setShown] = useState<Shown | null>(null);
  const isMounted = useMounted();
  const makes = (
    <button
      type="button"
      className="btn go"
      data-action="new-robot"
      onClick={() => setMaking(true)}
    >
      <Icon name="plus" small />
      {peopleText.robots.make}
    </button>
  );
  return (
    <>
      <Chooser
        list={list}
        label={text.project.robots}
        name="robot"
        nameOf={({ name }) => name}
        row={(robot) => (
          <>
            <span className="cut">{robot.name}</span>
            <Soon robot={robot} />
            <small>{robot.description}</small>
          </>
        )}
        makes={makes}
        none={{ title: peopleText.robots.none, lead: peopleText.robots.noneLead }}
      >
        {(chosen) => (
          <RobotDetail
            key={chosen.id}
            project={project}
            name={chosen.name}
            secret={shown?.robot === chosen.name ? shown.secret : null}
            onSecret={(secret) => setShown({ robot: chosen.name, secret })}
          />
        )}
      </Chooser>
      {isMaking && (
        <MakeRobot
          project={project}
          onClose={() => setMaking(false)}
          onMade={async (made) => {
            setMaking(false);
            setShown(made);
            await changed(key);
            if (isMounted()) setSearch({ robot: made.robot });
          }}
        />
      )}
    </>
  );
}

function Soon({ robot: { disabled, expires_at } }: { robot: Robot }) {
  if (disabled) {
    return (
      <span className="st q3">
        <Mark name="stopped" />
        {peopleText.robots.paused}
      </span>
    );
  }
  if (expires_at === null || Date.parse(expires_at) - Date.now() > soonMs) return null;
  return (
    <span className="st t-warn">
      <Mark name="attention" />
      {peopleText.robots.ends(ago(expires_at))}
    </span>
  );
}

function RobotDetail({
  project,
  name,
  secret,
  onSecret,
}: {
  project: string | null;
  name: string;
  secret: string | null;
  onSecret: (secret: string) => void;
}) {
  const robots = robotsIn(project);
  const key = `robot ${name}`;
  const shown = useResource(key, () => robots.show({ robot: name }));
  const [asked, setAsked] = useState<"rotate" | "delete" | null>(null);
  const isMounted = useMounted();
  const robot = shown.value;
  if (robot === undefined) {
    return (
      <section className="rd">
        {shown.error !== null && <Trouble error={shown.error} onRetry={shown.reload} />}
      </section>
    );
  }
  const refresh = () => changed(key, robots.key);
  const setDisabled = async (disabled: boolean) => {
    await robots.change({ robot: name, disabled });
    toast(disabled ? peopleText.robots.isPaused(name) : peopleText.robots.isResumed(name));
    await refresh();
  };
  return (
    <section className="rd">
      <div className="row">
        <h2>{name}</h2>
        {robot.disabled && <Chip kind="warn">{peopleText.robots.paused}</Chip>}
        <span className="grow" />
        <button
          type="button"
          className="btn quiet"
          data-action="delete-robot"
          onClick={() => setAsked("delete")}
        >
          {peopleText.robots.remove}
        </button>
        <button
          type="button"
          className="btn quiet"
          data-action={robot.disabled ? "resume-robot" : "pause-robot"}
          onClick={() => tellFailure(setDisabled(!robot.disabled))}
        >
          {robot.disabled ? peopleText.robots.resume : peopleText.robots.pause}
        </button>
        <button
          type="button"
          className="btn"
          data-action="rotate-robot"
          onClick={() => setAsked("rotate")}
        >
          {peopleText.robots.rotate}
        </button>
      </div>
      {secret !== null && <NewSecret secret={secret} />}
      <Snippets user={name} />
      <Facts
        rows={[
          [peopleText.robots.may, <Grants key="may" grants={robot.grants} />],
          [
            peopleText.robots.from,
            robot.cidrs.length === 0 ? peopleText.robots.anywhere : robot.cidrs.join(", "),
          ],
          [
            peopleText.robots.end,
            robot.expires_at === null ? text.never : <When key="end" time={robot.expires_at} />,
          ],
          [text.lastUsed, <WhenOrNever key="used" time={robot.last_used_at} />],
          [
            peopleText.robots.secrets,
            robot.secrets.map(({ id, created_at, expires_at }) => (
              <div key={id}>
                {peopleText.robots.made} <When time={created_at} />
                <span className="q3">
                  {", "}
                  {endOf(expires_at, robot)}
                </span>
              </div>
            )),
          ],
        ]}
      />
      {asked === "rotate" && (
        <FormDialog
          title={peopleText.robots.rotateTitle(name)}
          lead={peopleText.robots.rotateLead}
          action="confirm-rotate-robot"
          submit={peopleText.robots.rotate}
          onClose={() => setAsked(null)}
          onSubmit={async (fields) => {
            const made = await robots.rotate({ robot: name, ...expiryOf(fields) });
            setAsked(null);
            onSecret(made.secret);
            await refresh();
          }}
        >
          <ExpiryField />
        </FormDialog>
      )}
      {asked === "delete" && (
        <FormDialog
          title={peopleText.robots.removeTitle(name)}
          lead={peopleText.robots.removeLead}
          action="confirm-delete-robot"
          submit={peopleText.robots.remove}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            await robots.remove({ robot: name });
            setAsked(null);
            toast(peopleText.robots.isGone(name));
            if (isMounted()) setSearch({ robot: null });
            await changed(robots.key);
          }}
        />
      )}
    </section>
  );
}

function Grants({
  grants,
}: {
  grants: readonly {
    readonly id: string;
    readonly effect: "allow" | "deny";
    readonly pattern: string;
    readonly role: string | null;
    readonly actions: readonly string[] | null;
    readonly tag_pattern: string | null;
  }[];
}) {
  return (
    <>
      {grants.map(({ id, effect, pattern, role, actions, tag_pattern }) => (
        <div key={id}>
          {effect === "deny" && `${peopleText.check.forbids} `}
          {role === null ? actions?.join(", ") : roleName(role)} {peopleText.robots.in}{" "}
          <Pattern pattern={pattern} />
          {tag_pattern !== null && (
            <>
              , <code>{tag_pattern}</code>
            </>
          )}
        </div>
      ))}
    </>
  );
}

function ExpiryField() {
  return (
    <Select
      label={peopleText.robots.endsAfter}
      name="days"
      value="90"
      choices={[
        ...expiryChoices.map((days) => ({ value: `${days}`, label: text.days(days) })),
        { value: "", label: text.never },
      ]}
    />
  );
}

/** Of a secret. */
function endOf(expiresAt: string | null, robot: Robot): string {
  if (expiresAt !== null) return peopleText.robots.ends(ago(expiresAt));
  return robot.expires_at === null ? peopleText.robots.endsNever : peopleText.robots.endsWithRobot;
}

function expiryOf(fields: FormData): { expires_in_days: number | null } {
  const days = fieldOf(fields, "days");
  return { expires_in_days: days === "" ? null : Number(days) };
}

function MakeRobot({
  project,
  onClose,
  onMade,
}: {
  project: string | null;
  onClose: () => void;
  onMade: (made: Shown) => Promise<void>;
}) {
  return (
    <FormDialog
      title={project === null ? peopleText.robots.make : peopleText.robots.makeTitle(project)}
      lead={peopleText.robots.makeLead}
      action="make-robot"
      submit={peopleText.robots.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const role = fieldOf(fields, "role");
        const made = await robotsIn(project).make({
          name: fieldOf(fields, "name"),
          description: fieldOf(fields, "description"),
          ...(project === null
            ? { grants: wordsOf(fieldOf(fields, "in")).map((pattern) => ({ pattern, role })) }
            : { role }),
          ...expiryOf(fields),
        });
        await onMade({ robot: made.name, secret: made.secret });
      }}
    >
      <Field
        label={peopleText.robots.name}
        name="name"
        required
        maxLength={64}
        isCode
        hint={
          project === null ? peopleText.robots.nameHintOfAll : peopleText.robots.nameHint(project)
        }
      />
      <Select
        label={peopleText.members.role}
        name="role"
        value="ci"
        choices={peopleText.robots.roles}
      />
      {project === null && (
        <Field
          label={peopleText.robots.where}
          name="in"
          required
          isCode
          defaultValue="**"
          hint={peopleText.robots.whereHint}
        />
      )}
      <ExpiryField />
      <Field label={text.description} name="description" autoComplete="off" maxLength={1000} />
    </FormDialog>
  );
}
