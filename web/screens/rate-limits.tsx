import { useState } from "react";
import { deleteRateLimitsOfId, getRateLimits, postRateLimits } from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Field, fieldOf, Select } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { ListTable } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { actionsColumn, type Column } from "../parts/table.tsx";
import { toast } from "../parts/toast.tsx";
import { useList } from "../state/list.ts";
import { changed } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";

type Limit = Awaited<ReturnType<typeof getRateLimits>>["items"][number];
type Kind = Limit["applies_to"];

const kinds = Object.entries(adminText.limits.kinds).map(([value, label]) => ({ value, label }));
const counts = Object.entries(adminText.limits.counts).map(([value, label]) => ({ value, label }));
const windows = [60, 3_600, 21_600, 86_400];

/** How much is let through in a time: of each network, user or robot, or of one of them. */
export function RateLimits() {
  const list = useList("rate limits", (page) => getRateLimits(page));
  const [asked, setAsked] = useState<"make" | Limit | null>(null);
  const [kind, setKind] = useState<Kind>("anonymous");
  const close = () => setAsked(null);
  return (
    <Section
      title={adminText.limits.title}
      aside={
        <button
          type="button"
          className="btn lnk"
          data-action="new-limit"
          onClick={() => setAsked("make")}
        >
          {adminText.limits.make}
        </button>
      }
    >
      <ListTable
        list={list}
        className="limits"
        label={adminText.limits.title}
        columns={columnsOf(setAsked)}
        rows={list.value?.items}
        barRows={2}
        keyOf={({ id }) => id}
        none={<p className="none">{adminText.limits.none}</p>}
      />
      {asked === "make" && (
        <FormDialog
          title={adminText.limits.make}
          lead={adminText.limits.makeLead}
          action="make-limit"
          submit={adminText.limits.make}
          onClose={close}
          onSubmit={async (fields) => {
            await postRateLimits({
              applies_to: kind,
              ...(kind === "principal" ? { name: fieldOf(fields, "name") } : {}),
              counts: fieldOf(fields, "counts") === "requests" ? "requests" : "pulls",
              amount: Number(fieldOf(fields, "amount")),
              window_seconds: Number(fieldOf(fields, "window")),
            });
            close();
            await changed("rate limits");
          }}
        >
          <Select
            label={adminText.limits.of}
            name="kind"
            value={kind}
            choices={kinds}
            onChoose={(value) => setKind(value as Kind)}
          />
          {kind === "principal" && (
            <Field
              label={adminText.groups.who}
              name="name"
              required
              isCode
              hint={adminText.groups.whoHint}
            />
          )}
          <Select label={adminText.limits.what} name="counts" value="pulls" choices={counts} />
          <Field
            label={adminText.limits.amount}
            name="amount"
            type="number"
            min={1}
            max={1_000_000_000}
            required
            defaultValue="100"
          />
          <Select
            label={adminText.limits.window}
            name="window"
            value="21600"
            choices={windows.map((seconds) => ({
              value: `${seconds}`,
              label: adminText.limits.span(seconds),
            }))}
          />
        </FormDialog>
      )}
      {asked !== null && asked !== "make" && (
        <FormDialog
          title={adminText.limits.removeTitle}
          lead={sentenceOf(asked)}
          action="confirm-delete-limit"
          submit={adminText.limits.remove}
          isBad
          onClose={close}
          onSubmit={async () => {
            await deleteRateLimitsOfId({ id: asked.id });
            close();
            toast(adminText.limits.isGone);
            await changed("rate limits");
          }}
        />
      )}
    </Section>
  );
}

function whoOf({ applies_to, name }: Limit): string {
  return name ?? adminText.limits.kinds[applies_to];
}

function amountOf({ counts: what, amount, window_seconds }: Limit): string {
  return adminText.limits.amountIn(amount, what, window_seconds);
}

function sentenceOf(limit: Limit): string {
  return `${whoOf(limit)}: ${amountOf(limit)}`;
}

function columnsOf(ask: (limit: Limit) => void): readonly Column<Limit>[] {
  return [
    { key: "who", head: adminText.limits.of, className: "cut", cell: whoOf },
    { key: "amount", head: adminText.limits.amount, className: "cut", cell: amountOf },
    {
      ...actionsColumn,
      cell: (limit, isActive) => (
        <button
          type="button"
          className="ib"
          aria-label={adminText.limits.removeOne(sentenceOf(limit))}
          title={adminText.limits.remove}
          data-action="delete-limit"
          tabIndex={isActive ? 0 : -1}
          onClick={() => ask(limit)}
        >
          <Icon name="close" small />
        </button>
      ),
    },
  ];
}
