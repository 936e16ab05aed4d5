import type { ReactNode } from "react";
import { ApiError } from "../../client/operation.ts";
import {
  getProjectsOfProject,
  postRepositoriesRemovalsOfRepository,
} from "../../client/operations.ts";
import { Consequence, Frees, type NamedItem, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { dayTime, sizeText } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { When } from "../parts/signs.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { restoreUnits, unitsOf } from "./trash-units.ts";

/** Of what was pulled since then people want to know before it goes. */
const lookTwiceMs = 30 * 24 * 60 * 60 * 1000;

/** What goes, what stays, what is freed, and how to get it back: before anything goes. */
export function RemovalDialog({
  repository,
  what,
  words,
  action,
  goes,
  tags,
  stays,
  pulled,
  onClose,
  onDone,
}: {
  repository: string;
  what: { readonly tags: string[]; readonly digests: string[] };
  words: {
    readonly title: string;
    readonly submit: string;
    readonly areGone: string;
    readonly areErased: string;
  };
  /** `data-action` of the button that does it. */
  action: string;
  /** Each thing that was chosen. */
  goes: readonly NamedItem[];
  /** Those of them that are tags: others that would go along are named too. */
  tags: readonly string[];
  stays: readonly NamedItem[];
  /** When each was last pulled. */
  pulled: readonly {
    readonly key: string;
    readonly name: ReactNode;
    readonly pulled_at: string | null;
  }[];
  onClose: () => void;
  onDone: () => void;
}) {
  const look = () => postRepositoriesRemovalsOfRepository({ repository, ...what, preview: true });
  const preview = useResource(`removal ${repository} ${JSON.stringify(what)}`, look);
  const [projectName = ""] = repository.split("/");
  const project = useResource(`project ${projectName}`, () =>
    getProjectsOfProject({ project: projectName }),
  );
  const days = project.value?.trash_days;
  const told = preview.value;
  const moved = told === undefined ? [] : movedOf(told, tags, what.tags);
  const used = pulled.filter(
    ({ pulled_at }) => pulled_at !== null && Date.now() - Date.parse(pulled_at) < lookTwiceMs,
  );
  return (
    <FormDialog
      title={words.title}
      lead={leadOf(goes.length, days)}
      action={action}
      submit={words.submit}
      cancel={text.keep(goes.length)}
      isBad
      isOff={told === undefined || moved.length > 0}
      onClose={onClose}
      onSubmit={async () => {
        const startedAt = Date.now();
        if (told !== undefined && !isSame(told, await look())) {
          preview.reload();
          throw new ApiError(imagesText.tags.wouldGoToo, 409, null, "");
        }
        const done = await postRepositoriesRemovalsOfRepository({ repository, ...what });
        onDone();
        toast(days === 0 ? words.areErased : words.areGone, {
          more: sizeText(done.bytes),
          ...(days === 0
            ? {}
            : {
                undo: async () => {
                  const gone = done.removed.map(({ name }) => name);
                  await restoreUnits(await unitsOf(repository, gone, startedAt));
                },
              }),
        });
        await changed(
          `tags ${repository} `,
          `untagged ${repository} `,
          `image ${repository} `,
          `history ${repository} `,
          "trash",
          `repository ${repository}`,
          "usage",
        );
      }}
    >
      {preview.error !== null && <Trouble error={preview.error} onRetry={preview.reload} />}
      {moved.length > 0 && <Trouble error={new Error(imagesText.tags.nameNoMore(moved))} />}
      <dl>
        <Consequence name={text.goes}>
          <Names items={goes} />
          {told !== undefined && <Along told={told} chosen={tags} />}
        </Consequence>
        {stays.length > 0 && (
          <Consequence name={text.stays}>
            <Names items={stays} />
          </Consequence>
        )}
        <Frees told={told} isKept={days !== 0} />
        {used.length > 0 && (
          <Consequence name={text.lookTwice}>
            <Names
              items={used.map(({ key, name, pulled_at }) => ({
                key,
                name: (
                  <span>
                    <Mark name="attention" /> {name} {imagesText.tags.wasPulled}{" "}
                    <When time={pulled_at ?? ""} />
                  </span>
                ),
              }))}
            />
          </Consequence>
        )}
      </dl>
    </FormDialog>
  );
}

type Removal = Awaited<ReturnType<typeof postRepositoriesRemovalsOfRepository>>;

/** Tags that nobody chose: of images that go, and of what is attached to these. */
function Along({ told, chosen }: { told: Removal; chosen: readonly string[] }) {
  const known = new Set(chosen);
  const names = new Set(told.removed.flatMap(({ tags }) => tags).filter((tag) => !known.has(tag)));
  const rest = told.tags - known.size - names.size;
  const items = [...names].map((name) => ({
    key: name,
    name: <code>{name}</code>,
    beside: imagesText.tags.goesAlong,
  }));
  const more = { key: "", name: <span>{imagesText.tags.moreAlong(rest)}</span> };
  return <Names items={rest > 0 ? [...items, more] : items} />;
}

/** The server names a thousand tags, and counts them all. */
function isSame(shown: Removal, now: Removal): boolean {
  return shown.tags === now.tags && JSON.stringify(shown.removed) === JSON.stringify(now.removed);
}

/** Chosen tags that would not go along with their image: it is no longer what they name. */
function movedOf(
  told: Removal,
  chosen: readonly string[],
  alone: readonly string[],
): readonly string[] {
  const going = new Set(told.removed.flatMap(({ tags }) => tags));
  for (const named of alone) going.add(named.slice(0, named.indexOf("@")));
  // Of very many the server names some.
  return going.size < told.tags ? [] : chosen.filter((tag) => !going.has(tag));
}

export function leadOf(count: number, days: number | undefined): string {
  if (days === undefined) return imagesText.trash.moves;
  if (days === 0) return imagesText.trash.movesDays(0);
  const until = new Date(Date.now() + days * 86_400_000).toISOString();
  return imagesText.trash.movesUntil(count, dayTime(until));
}
