import { useState } from "react";
import { FormDialog } from "../parts/dialog.tsx";
import { Checks, Field, fieldOf, Select } from "../parts/field.tsx";
import { toast } from "../parts/toast.tsx";
import { saveChanges } from "../state/submit.ts";
import { type Webhook, webhooksIn } from "../state/webhook-place.ts";
import { peopleText } from "../text/people.ts";
import { text } from "../text/text.ts";

type EventType = Webhook["events"][number];
type Format = Webhook["format"];

const eventNames: Readonly<Record<EventType, string>> = peopleText.webhooks.events;
const formatNames: Readonly<Record<Format, string>> = peopleText.webhooks.formats;
/** What no project is told of: it was not there yet, or it is about the whole registry. */
const ofTheRegistry: readonly EventType[] = ["project.created", "chore.failed"];
/** What most who build and deploy want to hear of. */
const usual = /^(image|tag)\.(?!pulled)/;
const { templateDefault } = peopleText.webhooks;

export function MakeWebhook({
  project,
  onClose,
  onMade,
}: {
  project: string | null;
  onClose: () => void;
  onMade: (made: Webhook & { readonly secret: string }) => Promise<void>;
}) {
  const [format, setFormat] = useState<Format>("cloudevents");
  const types = Object.keys(eventNames) as EventType[];
  return (
    <FormDialog
      title={project === null ? peopleText.webhooks.make : peopleText.webhooks.makeTitle(project)}
      lead={peopleText.webhooks.makeLead}
      action="make-webhook"
      submit={peopleText.webhooks.make}
      onClose={onClose}
      onSubmit={async (fields) => {
        const { template, ...rest } = webhookOf(fields);
        await onMade(
          await webhooksIn(project).make({
            ...{ format, ...rest },
            ...(format === "text" ? { template } : {}),
          }),
        );
      }}
    >
      <Address />
      <Select
        label={peopleText.webhooks.format}
        name="format"
        value={format}
        onChoose={(value) => setFormat(value as Format)}
        choices={Object.entries(formatNames).map(([value, label]) => ({ value, label }))}
      />
      <Told
        project={project}
        template={format === "text" ? templateDefault : null}
        events={types.filter((type) => usual.test(type))}
      />
    </FormDialog>
  );
}

/** The webhook is as it was when the dialog opened: what others save meanwhile is not written over. */
export function EditWebhook({
  project,
  webhook,
  onClose,
}: {
  project: string | null;
  webhook: Webhook;
  onClose: () => void;
}) {
  const { id, url, format, events, pattern, description, template } = webhook;
  const place = webhooksIn(project);
  return (
    <FormDialog
      title={peopleText.webhooks.editTitle(new URL(url).host)}
      action="save-webhook"
      submit={text.save}
      onClose={onClose}
      onSubmit={async (fields) => {
        const { template: said, ...rest } = webhookOf(fields);
        await saveChanges(
          { ...webhook, template: template ?? templateDefault },
          { ...rest, ...(format === "text" ? { template: said } : {}) },
          (changes, options) => place.change({ webhook: id, ...changes }, options),
          [place.key],
        );
        onClose();
        toast(text.saved);
      }}
    >
      <Address url={url} />
      <Told
        {...{ project, events, pattern, description }}
        template={format === "text" ? (template ?? templateDefault) : null}
      />
    </FormDialog>
  );
}

function Address({ url = "" }: { url?: string }) {
  return (
    <Field
      label={peopleText.webhooks.address}
      name="url"
      type="url"
      required
      isCode
      defaultValue={url}
      placeholder="https://ci.example.com/hook"
      hint={peopleText.webhooks.addressHint}
    />
  );
}

function Told({
  project,
  template,
  events,
  pattern = "**",
  description = "",
}: {
  project: string | null;
  /** Null where the format has none. */
  template: string | null;
  events: readonly EventType[];
  pattern?: string;
  description?: string;
}) {
  const offered = (Object.keys(eventNames) as EventType[]).filter(
    (type) => project === null || !ofTheRegistry.includes(type) || events.includes(type),
  );
  return (
    <>
      {template !== null && (
        <Field
          label={peopleText.webhooks.template}
          name="template"
          required
          maxLength={1000}
          isCode
          defaultValue={template}
          hint={peopleText.webhooks.templateHint}
        />
      )}
      <Checks
        label={peopleText.webhooks.told}
        name="events"
        choices={offered.map((value) => ({ value, label: eventNames[value] }))}
        checked={events}
      />
      <Field
        label={peopleText.webhooks.repositories}
        name="pattern"
        required
        isCode
        defaultValue={pattern}
        hint={peopleText.webhooks.repositoriesHint(project ?? "team")}
      />
      <Field
        label={text.description}
        name="description"
        autoComplete="off"
        maxLength={1000}
        defaultValue={description}
      />
    </>
  );
}

function webhookOf(fields: FormData) {
  const events = fields.getAll("events") as Webhook["events"];
  if (events.length === 0) throw new Error(peopleText.webhooks.toldNothing);
  return {
    url: new URL(fieldOf(fields, "url")).href,
    events,
    pattern: fieldOf(fields, "pattern"),
    description: fieldOf(fields, "description"),
    template: fieldOf(fields, "template"),
  };
}
