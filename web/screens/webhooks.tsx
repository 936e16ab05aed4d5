import { useState } from "react";
import { Chooser } from "../parts/chooser.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Icon, Mark } from "../parts/icon.tsx";
import { NewSecret } from "../parts/new-secret.tsx";
import { Notice } from "../parts/notice.tsx";
import { Facts } from "../parts/place.tsx";
import { Pattern, When } from "../parts/signs.tsx";
import { tellFailure, toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { setSearch } from "../state/location.ts";
import { useMounted } from "../state/mounted.ts";
import { changed } from "../state/resource.ts";
import { type Webhook, webhooksIn } from "../state/webhook-place.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";
import { Deliveries } from "./webhook-deliveries.tsx";
import { EditWebhook, MakeWebhook } from "./webhook-form.tsx";

/**
 * Addresses that are told of what happens in a project, or (null) in all of the registry; the one that is shown
 * is in the URL.
 */
export default function Webhooks({ project }: { project: string | null }) {
  const { key, list: read } = webhooksIn(project);
  const list = useList(key, (page) => read(page));
  const [isMaking, setMaking] = useState(false);
  const [shown, setShown] = useState<{ readonly id: string; readonly secret: string } | null>(null);
  const isMounted = useMounted();
  const makes = (
    <button
      type="button"
      className="btn go"
      data-action="new-webhook"
      onClick={() => setMaking(true)}
    >
      <Icon name="plus" small />
      {peopleText.webhooks.make}
    </button>
  );
  return (
    <>
      <Chooser
        list={list}
        label={text.project.webhooks}
        name="webhook"
        nameOf={({ id }) => id}
        row={(webhook) => (
          <>
            <span className="cut">{new URL(webhook.url).host}</span>
            <State webhook={webhook} />
            <small className="cut">
              {webhook.description === "" ? new URL(webhook.url).pathname : webhook.description}
            </small>
          </>
        )}
        makes={makes}
        none={{
          title: peopleText.webhooks.none,
          lead: project === null ? peopleText.webhooks.noneLeadAll : peopleText.webhooks.noneLead,
        }}
      >
        {(chosen) => (
          <WebhookDetail
            key={chosen.id}
            project={project}
            webhook={chosen}
            secret={shown?.id === chosen.id ? shown.secret : null}
          />
        )}
      </Chooser>
      {isMaking && (
        <MakeWebhook
          project={project}
          onClose={() => setMaking(false)}
          onMade={async (made) => {
            setMaking(false);
            setShown(made);
            await changed(key);
            if (isMounted()) setSearch({ webhook: made.id, delivery: null });
          }}
        />
      )}
    </>
  );
}

function State({ webhook: { state, failures } }: { webhook: Webhook }) {
  if (state === "active" && failures === 0) return null;
  const [mark, tone] = {
    active: ["attention", "t-warn"],
    paused: ["stopped", "q3"],
    disabled: ["failed", "t-bad"],
  }[state] as ["attention" | "stopped" | "failed", string];
  return (
    <span className={`st ${tone}`}>
      <Mark name={mark} />
      {peopleText.webhooks.is[state]}
    </span>
  );
}

function WebhookDetail({
  project,
  webhook,
  secret,
}: {
  project: string | null;
  webhook: Webhook;
  secret: string | null;
}) {
  const { id, url, state } = webhook;
  const { host } = new URL(url);
  const [asked, setAsked] = useState<"delete" | { readonly edit: Webhook } | null>(null);
  const [isTesting, setTesting] = useState(false);
  const isMounted = useMounted();
  const place = webhooksIn(project);
  const refresh = () => changed(place.key, `deliveries ${id}`);
  const setEnabled = async (enabled: boolean) => {
    await place.change({ webhook: id, enabled });
    toast(enabled ? peopleText.webhooks.isResumed(host) : peopleText.webhooks.isPaused(host));
    await refresh();
  };
  const test = async () => {
    if (isTesting) return;
    setTesting(true);
    try {
      const sent = await place.test({ webhook: id });
      if (isMounted()) setSearch({ webhook: id, delivery: sent.id });
    } finally {
      setTesting(false);
      await refresh();
    }
  };
  return (
    <section className="rd">
      <div className="row wrap">
        <h2>{host}</h2>
        <span className="grow" />
        <button
          type="button"
          className="btn quiet"
          data-action="delete-webhook"
          onClick={() => setAsked("delete")}
        >
          {peopleText.webhooks.remove}
        </button>
        <button
          type="button"
          className="btn quiet"
          data-action={state === "active" ? "pause-webhook" : "resume-webhook"}
          onClick={() => tellFailure(setEnabled(state !== "active"))}
        >
          {state === "active" ? peopleText.webhooks.pause : peopleText.webhooks.resume}
        </button>
        <button
          type="button"
          className="btn quiet"
          data-action="edit-webhook"
          onClick={() => setAsked({ edit: webhook })}
        >
          {peopleText.webhooks.edit}
        </button>
        <button
          type="button"
          className="btn"
          data-action="test-webhook"
          aria-disabled={isTesting}
          onClick={() => tellFailure(test())}
        >
          {peopleText.webhooks.test}
        </button>
      </div>
      {secret !== null && <NewSecret secret={secret} />}
      <Failing webhook={webhook} />
      <Facts
        rows={[
          [peopleText.webhooks.address, <code key="url">{url}</code>],
          [
            peopleText.webhooks.told,
            webhook.events.map((type) => peopleText.webhooks.events[type]).join(", "),
          ],
          [peopleText.webhooks.repositories, <Pattern key="pattern" pattern={webhook.pattern} />],
          [peopleText.webhooks.format, peopleText.webhooks.formats[webhook.format]],
          ...(webhook.template === null
            ? []
            : [
                [peopleText.webhooks.template, <code key="says">{webhook.template}</code>] as const,
              ]),
          ...(webhook.description === "" ? [] : [[text.description, webhook.description] as const]),
          [peopleText.webhooks.made, <When key="made" time={webhook.created_at} />],
        ]}
      />
      <Deliveries project={project} webhook={id} />
      {asked !== null && asked !== "delete" && (
        <EditWebhook project={project} webhook={asked.edit} onClose={() => setAsked(null)} />
      )}
      {asked === "delete" && (
        <FormDialog
          title={peopleText.webhooks.removeTitle(host)}
          lead={peopleText.webhooks.removeLead}
          action="confirm-delete-webhook"
          submit={peopleText.webhooks.remove}
          isBad
          onClose={() => setAsked(null)}
          onSubmit={async () => {
            await place.remove({ webhook: id });
            setAsked(null);
            if (isMounted()) setSearch({ webhook: null, delivery: null });
            toast(peopleText.webhooks.isGone(host));
            await changed(place.key);
          }}
        />
      )}
    </section>
  );
}

/** Why nothing, or not all, comes there. */
function Failing({ webhook }: { webhook: Webhook }) {
  const { state, failures, failing_since, next_attempt_at } = webhook;
  if (state === "disabled") {
    return (
      <Notice
        kind="bad"
        what={peopleText.webhooks.disabled}
        more={peopleText.webhooks.disabledMore}
      />
    );
  }
  if (failures === 0 || failing_since === null) return null;
  return (
    <Notice
      kind="warn"
      what={peopleText.webhooks.fails(failures)}
      more={
        <>
          {peopleText.webhooks.failsSince} <When time={failing_since} />
          {". "}
          {next_attempt_at !== null &&
            (Date.parse(next_attempt_at) > Date.now() ? (
              <>
                {peopleText.webhooks.triedNext} <When time={next_attempt_at} />.
              </>
            ) : (
              peopleText.webhooks.triedSoon
            ))}
        </>
      }
    />
  );
}
