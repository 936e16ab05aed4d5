import { setPreference, usePreference } from "../state/preferences.ts";
import { host } from "../state/session.ts";
import { text } from "../text/text.ts";
import { say } from "./announce.tsx";
import { useCopy } from "./copy.tsx";
import { Icon, Mark } from "./icon.tsx";
import { Menu } from "./menu.tsx";

/** How each client names an image: what comes before the reference, and what after it. */
const clients = {
  docker: { label: "docker pull", before: "docker pull " },
  podman: { label: "podman pull", before: "podman pull " },
  crane: { label: "crane manifest", before: "crane manifest " },
  from: { label: "FROM", before: "FROM " },
  kubernetes: { label: "image:", before: "image: " },
  bare: { label: text.reference.bare, before: "" },
} as const;

type Client = keyof typeof clients;

const names = Object.keys(clients) as Client[];

function useClient(): Client {
  const kept = usePreference("client", "docker");
  return names.find((name) => name === kept) ?? "docker";
}

/** What is copied for a reference, as the chosen client has it. */
export function useCopyReference(): (reference: string) => string {
  const client = useClient();
  return (reference) => `${clients[client].before}${host}/${reference}`;
}

/** Client | reference | copy, with the tear-off edge of a freight label. */
export function ReferenceLabel({
  repository,
  tag,
  digest,
}: {
  repository: string;
  /** Null: the digest alone names it. */
  tag: string | null;
  /** Null where it is not known yet. */
  digest: string | null;
}) {
  const client = useClient();
  const byDigest = usePreference("client", "docker") === "digest" || tag === null;
  const { isCopied, copy } = useCopy();
  const last = byDigest && digest !== null ? `@${digest}` : `:${tag ?? ""}`;
  const { label, before } = clients[client];
  const items = [
    ...names.map((name) => ({
      label: clients[name].label,
      action: `client-${name}`,
      isChosen: client === name && !byDigest,
      onChoose: () => setPreference("client", name),
    })),
    ...(digest === null || tag === null
      ? []
      : [
          {
            label: text.reference.byDigest,
            action: "client-digest",
            isChosen: byDigest,
            onChoose: () => setPreference("client", "digest"),
          },
        ]),
  ];
  return (
    <div className="row label">
      <div className="ref">
        <Menu
          label={text.reference.client}
          className="ref-client"
          shows={byDigest && tag !== null ? text.reference.byDigest : label}
          side="start"
          button={
            <>
              {byDigest && tag !== null ? text.reference.byDigest : label}
              <Icon name="down" small />
            </>
          }
          items={items}
        />
        <code title={`${host}/${repository}${last}`}>
          <i>{host}/</i>
          <span>
            {repository}
            {last.slice(0, 1)}
            <b>{last.length > 40 ? `${last.slice(1, 16)}…` : last.slice(1)}</b>
          </span>
        </code>
        <button
          type="button"
          data-action="copy-reference"
          data-copies={`${before}${host}/${repository}${last}`}
          onClick={() => {
            copy(`${before}${host}/${repository}${last}`);
            say(text.copied);
          }}
        >
          {isCopied ? <Mark name="done" /> : <Icon name="copy" small />}
          {isCopied ? text.copied : text.copy}
        </button>
      </div>
    </div>
  );
}
