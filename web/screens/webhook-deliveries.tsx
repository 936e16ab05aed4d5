import { useEffect, useRef, useState } from "react";
import { Code } from "../parts/copy.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf } from "../parts/field.tsx";
import { exactTime, minuteTime } from "../parts/format.ts";
import { Mark, type MarkName } from "../parts/icon.tsx";
import { ListTable, Loaded } from "../parts/loaded.tsx";
import { Facts, Section } from "../parts/place.tsx";
import { When } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { useMounted } from "../state/mounted.ts";
import { changed, useResource } from "../state/resource.ts";
import { type Delivery, webhooksIn } from "../state/webhook-place.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

/** What is on its way is looked at again so soon, while it is younger than that. */
const waitsMs = 1_000;
const youngMs = 15_000;

const marks: Readonly<Record<Delivery["state"], MarkName>> = {
  pending: "waiting",
  delivered: "done",
  failed: "failed",
};

/** What was sent, the last first; the one that is open is in the URL. */
export function Deliveries({ project, webhook }: { project: string | null; webhook: string }) {
  const { search } = usePlace();
  const list = useList(`deliveries ${webhook}`, (page) =>
    webhooksIn(project).deliveries({ webhook, ...page }),
  );
  const [isReplaying, setReplaying] = useState(false);
  const shown = search.get("delivery");
  const { value, reload } = list;
  // By this clock alone: the server's may say another time.
  const seenAt = useRef<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    const now = performance.now();
    const pending = (value?.items ?? []).filter(({ state }) => state === "pending");
    seenAt.current = new Map(pending.map(({ id }) => [id, seenAt.current.get(id) ?? now]));
    if (![...seenAt.current.values()].some((at) => now - at < youngMs)) return;
    const timer = setTimeout(reload, waitsMs);
    return () => clearTimeout(timer);
  }, [value, reload]);
  return (
    <Section
      title={peopleText.webhooks.deliveries}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="replay"
          onClick={() => setReplaying(true)}
        >
          {peopleText.webhooks.replay}
        </button>
      }
    >
      <ListTable
        list={list}
        className="deliv"
        label={peopleText.webhooks.deliveries}
        columns={columns}
        rows={value?.items}
        barRows={3}
        keyOf={({ id }) => id}
        onOpen={({ id }) => setSearch({ delivery: id })}
        none={<p className="none">{peopleText.webhooks.noDeliveries}</p>}
      />
      {shown !== null && <DeliveryDialog {...{ project, webhook }} delivery={shown} />}
      {isReplaying && <Replay {...{ project, webhook }} onClose={() => setReplaying(false)} />}
    </Section>
  );
}

const columns: readonly Column<Delivery>[] = [
  {
    key: "state",
    head: <span className="sr">{text.state}</span>,
    cell: ({ state }) => <Mark name={marks[state]} label={peopleText.webhooks.states[state]} />,
  },
  {
    key: "type",
    head: peopleText.webhooks.message,
    className: "cut",
    cell: ({ id, type }, isActive) => (
      <button
        type="button"
        className="btn lnk"
        data-action="open-delivery"
        tabIndex={isActive ? 0 : -1}
        onClick={() => setSearch({ delivery: id })}
      >
        {typeName(type)}
      </button>
    ),
  },
  {
    key: "answer",
    head: peopleText.webhooks.answer,
    className: "cut q2",
    cell: ({ status, error }) => error ?? status ?? peopleText.webhooks.states.pending,
  },
  {
    key: "took",
    head: peopleText.webhooks.took,
    className: "r q-l",
    cell: ({ duration_ms }) => duration_ms !== null && peopleText.webhooks.ms(duration_ms),
  },
  {
    key: "tries",
    head: peopleText.webhooks.tries,
    className: "r q-l",
    cell: ({ attempts }) => text.number(attempts),
  },
  {
    key: "at",
    head: text.when,
    className: "q2",
    cell: ({ attempted_at, created_at }) => <When time={attempted_at ?? created_at} />,
  },
];

function typeName(type: string): string {
  const { events, aTest } = peopleText.webhooks;
  if (type === "test") return aTest;
  return Object.hasOwn(events, type) ? events[type as keyof typeof events] : type;
}

function DeliveryDialog({
  project,
  webhook,
  delivery,
}: {
  project: string | null;
  webhook: string;
  delivery: string;
}) {
  const shown = useResource(`delivery ${delivery}`, () =>
    webhooksIn(project).delivery({ webhook, delivery }),
  );
  const isMounted = useMounted();
  const close = () => setSearch({ delivery: null });
  return (
    <FormDialog
      title={shown.value === undefined ? peopleText.webhooks.message : typeName(shown.value.type)}
      className="wide"
      action="redeliver"
      submit={peopleText.webhooks.redeliver}
      cancel={text.close}
      isOff={shown.value === undefined}
      offWhy={shown.value?.type === "test" ? peopleText.webhooks.testAnew : undefined}
      onClose={close}
      onSubmit={async () => {
        await webhooksIn(project).redeliver({ webhook, delivery });
        if (isMounted()) close();
        toast(peopleText.webhooks.isRedelivered);
        await changed(`deliveries ${webhook}`);
      }}
    >
      <Loaded of={shown}>
        {({ state, status, error, attempts, duration_ms, attempted_at, request, answer }) => (
          <>
            <Facts
              rows={[
                [
                  peopleText.webhooks.outcome,
                  <span key="outcome">
                    <Mark name={marks[state]} />
                    {peopleText.webhooks.states[state]}
                    {error === null ? (
                      status !== null && `, ${status}`
                    ) : (
                      <span className="t-bad">, {error}</span>
                    )}
                  </span>,
                ],
                [
                  peopleText.webhooks.tried,
                  attempted_at === null
                    ? text.never
                    : peopleText.webhooks.triedAt(
                        attempts,
                        exactTime(attempted_at),
                        duration_ms ?? 0,
                      ),
                ],
              ]}
            />
            <h3>{peopleText.webhooks.request}</h3>
            <Code
              label={peopleText.webhooks.request}
              lines={[
                `POST ${request.url}`,
                ...headerLines(request.headers),
                "",
                pretty(request.body),
              ]}
            />
            <h3>{peopleText.webhooks.answer}</h3>
            {answer === null ? (
              <p className="q3">{peopleText.webhooks.noAnswer}</p>
            ) : (
              <Code
                label={peopleText.webhooks.answer}
                lines={[`${status ?? ""}`, ...headerLines(answer.headers), "", pretty(answer.body)]}
              />
            )}
          </>
        )}
      </Loaded>
    </FormDialog>
  );
}

function headerLines(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

/** JSON with its lines broken; other text, and JSON that is cut off, as it is. */
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** What was picked is in UTC. */
function momentOf(picked: string): string {
  const time = new Date(`${picked}Z`);
  if (Number.isNaN(time.getTime())) throw new Error(peopleText.webhooks.notATime(picked));
  return time.toISOString();
}

function Replay({
  project,
  webhook,
  onClose,
}: {
  project: string | null;
  webhook: string;
  onClose: () => void;
}) {
  return (
    <FormDialog
      title={peopleText.webhooks.replayTitle}
      lead={peopleText.webhooks.replayLead}
      action="confirm-replay"
      submit={peopleText.webhooks.replay}
      onClose={onClose}
      onSubmit={async (fields) => {
        const { messages, next } = await webhooksIn(project).replay({
          webhook,
          since: momentOf(fieldOf(fields, "since")),
        });
        onClose();
        toast(
          peopleText.webhooks.areReplayed(messages),
          next === null ? {} : { more: peopleText.webhooks.replayStopped(minuteTime(next)) },
        );
        await changed(`deliveries ${webhook}`);
      }}
    >
      <Field
        label={peopleText.webhooks.since}
        name="since"
        type="datetime-local"
        step={1}
        required
        isCode
        defaultValue={new Date(Date.now() - 86_400_000).toISOString().slice(0, 16)}
      />
    </FormDialog>
  );
}
