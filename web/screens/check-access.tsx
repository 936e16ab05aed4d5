import { type FormEvent, useState } from "react";
import { getAccessWhy } from "../../client/operations.ts";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { sentence } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Section } from "../parts/place.tsx";
import { Pattern } from "../parts/signs.tsx";
import { setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { peopleText } from "../text/people.ts";
import { roleName } from "./members.tsx";

type Why = Awaited<ReturnType<typeof getAccessWhy>>;
type Grant = NonNullable<Why["grant"]>;

const actions = ["pull", "push", "edit", "delete", "lock", "project:manage"] as const;

/** Why may somebody do something? The question is the URL. */
export function CheckAccess({ project }: { project: string }) {
  const { search } = usePlace();
  const [asked, setAsked] = useState(0);
  const question = {
    user: search.get("user") ?? "",
    action: search.get("action") ?? "push",
    ref: search.get("ref") ?? "",
    address: search.get("address") ?? "",
  };
  const why = useResource(
    question.user === "" ? null : `why ${JSON.stringify(question)} ${asked}`,
    () =>
      getAccessWhy({
        user: question.user,
        action: question.action,
        ref: question.ref === "" ? project : question.ref,
        ...(question.address === "" ? {} : { address: question.address }),
      }),
  );
  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setSearch({
      user: fieldOf(fields, "user"),
      action: fieldOf(fields, "action"),
      ref: fieldOf(fields, "ref"),
      address: fieldOf(fields, "address"),
    });
    setAsked(asked + 1);
  };
  return (
    <>
      <form className="ask" onSubmit={ask}>
        <Field label={peopleText.check.who} name="user" required defaultValue={question.user} />
        <Select
          label={peopleText.check.action}
          name="action"
          value={question.action}
          choices={actions.map((value) => ({ value, label: peopleText.check.actions[value] }))}
        />
        <Field
          label={peopleText.check.what}
          name="ref"
          isCode
          defaultValue={question.ref}
          placeholder={peopleText.check.example(project)}
        />
        <Field
          label={peopleText.check.from}
          name="address"
          isCode
          defaultValue={question.address}
          placeholder={peopleText.check.anywhere}
        />
        <button type="submit" className="btn go" data-action="check-access">
          {peopleText.check.ask}
        </button>
      </form>
      {why.error !== null && <Trouble error={why.error} />}
      {why.value !== undefined && <Verdict why={why.value} />}
    </>
  );
}

function Verdict({ why }: { why: Why }) {
  const { allowed, reason, grant, others, user, resource, exists } = why;
  return (
    <>
      <div className="verdict" role="status">
        <Mark name={allowed ? "done" : "failed"} />
        <h2>{allowed ? peopleText.check.yes : peopleText.check.no}</h2>
        <p>{sentence(reason)}</p>
      </div>
      <Section title={peopleText.check.how} aside={`${user}, ${resource}`}>
        <ul className="ch">
          {grant !== null && <Line grant={grant} isDeciding />}
          {others.map((other) => (
            <Line key={other.id} grant={other} because={other.because} />
          ))}
          {grant === null && others.length === 0 && <li>{peopleText.check.noGrants(user)}</li>}
          {!exists && resource.includes("/") && (
            <li className="q3">{peopleText.check.isNotThere}</li>
          )}
        </ul>
      </Section>
    </>
  );
}

function Line({
  grant,
  because,
  isDeciding = false,
}: {
  grant: Grant;
  because?: string;
  isDeciding?: boolean;
}) {
  const { effect, role, pattern, tag_pattern, group, everywhere } = grant;
  const mark = !isDeciding ? "stopped" : effect === "allow" ? "done" : "failed";
  return (
    <li>
      <Mark name={mark} />
      <div>
        <div>
          {effect === "deny" ? peopleText.check.forbids : peopleText.check.gives}{" "}
          <b>{role === null ? peopleText.check.single : roleName(role)}</b> {peopleText.robots.in}{" "}
          <Pattern pattern={pattern} />
          {tag_pattern !== null && (
            <>
              {" "}
              <code>{tag_pattern}</code>
            </>
          )}
        </div>
        <div className="q3 small">
          {isDeciding ? peopleText.check.decides : because !== undefined && sentence(because)}
          {group !== null && ` ${peopleText.check.through(group)}`}
          {everywhere && ` ${peopleText.check.everywhere}`}
        </div>
      </div>
    </li>
  );
}
