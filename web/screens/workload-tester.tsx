import { useState } from "react";
import { postTrustsExplain } from "../../client/operations.ts";
import { Area, fieldOf } from "../parts/field.tsx";
import { exactTime } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Facts, Section } from "../parts/place.tsx";
import { useSubmit } from "../state/submit.ts";
import { adminText } from "../text/admin.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

type Explained = Awaited<ReturnType<typeof postTrustsExplain>>;

/** Who would a token be, and what might it do? It is asked for once, and kept nowhere. */
export function TokenTester() {
  const [told, setTold] = useState<Explained | null>(null);
  const { error, isBusy, send } = useSubmit(async (fields) => {
    setTold(await postTrustsExplain({ identity_token: fieldOf(fields, "token") }));
  });
  return (
    <Section title={adminText.workloads.tester}>
      <form className="form narrow" onSubmit={send}>
        <Area
          label={adminText.workloads.token}
          name="token"
          required
          rows={4}
          hint={adminText.workloads.tokenHint}
        />
        <button type="submit" className="btn" data-action="explain-token" aria-disabled={isBusy}>
          {adminText.workloads.ask}
        </button>
        {error !== null && <Trouble error={error} />}
      </form>
      {told !== null && <Verdict told={told} />}
    </Section>
  );
}

function Verdict({ told }: { told: Explained }) {
  const { signs_in, wrong_claim, reason, robot, issuer, subject, expires_at, rules, grants } = told;
  return (
    <>
      <div className="verdict" role="status">
        <Mark name={signs_in ? "done" : "failed"} />
        <h2>{signs_in ? peopleText.check.yes : peopleText.check.no}</h2>
        <p>
          {/* A claim stands as it is written. */}
          {wrong_claim === null ? reason.replace(/^./, (first) => first.toUpperCase()) : reason}.
        </p>
      </div>
      <Facts
        rows={[
          [adminText.workloads.robot, robot ?? text.none],
          [adminText.workloads.of, issuer ?? adminText.workloads.unknownIssuer],
          [
            adminText.workloads.subject,
            subject === null ? adminText.workloads.notProven : <code key="s">{subject}</code>,
          ],
          [
            adminText.workloads.ends,
            expires_at === null ? adminText.workloads.notProven : exactTime(expires_at),
          ],
        ]}
      />
      {rules.length > 0 && (
        <Section title={adminText.workloads.trusts}>
          <ul className="ch">
            {rules.map(({ id, robot: to, misfits }) => (
              <li key={id}>
                <Mark name={misfits.length === 0 ? "done" : "stopped"} />
                <div>
                  <b>{to}</b>
                  {misfits.length === 0 && (
                    <div className="q3 small">{adminText.workloads.fits}</div>
                  )}
                  {misfits.map(({ claim, wanted, found }) => (
                    <div key={claim} className="q2 small">
                      {adminText.workloads.wants} <code>{`${claim}=${wanted}`}</code>
                      {", "}
                      {found === null ? (
                        adminText.workloads.hasNone
                      ) : (
                        <>
                          {adminText.workloads.has} <code>{found}</code>
                        </>
                      )}
                    </div>
                  ))}
                </div>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {robot !== null && (
        <Section title={adminText.workloads.mayDo}>
          <ul className="ch">
            {grants.length === 0 && <li>{adminText.workloads.nothing}</li>}
            {grants.map(({ effect, pattern, tag_pattern, actions, group }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: an answer does not change
              <li key={index}>
                <Mark name={effect === "deny" ? "failed" : "done"} />
                <div>
                  <div>
                    {effect === "deny" ? peopleText.check.forbids : peopleText.check.gives}{" "}
                    <code>{actions.join(" ")}</code>
                  </div>
                  <div className="q3 small">
                    {peopleText.robots.in} <code>{pattern}</code>
                    {tag_pattern !== null && (
                      <>
                        {" "}
                        <code>{tag_pattern}</code>
                      </>
                    )}
                    {group !== null && ` ${peopleText.check.through(group)}`}
                  </div>
                </div>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}
