import { ApiError } from "../../client/operation.ts";
import {
  getProjectsOfProject,
  postRepositoriesRemovalsOfRepository,
} from "../../client/operations.ts";
import { Consequence, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { dayTime, sizeText } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Size, When } from "../parts/signs.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { text } from "../text/text.ts";
import type { Tag } from "./tags.ts";
import { restoreUnits, unitsOf } from "./trash-units.ts";

/** Of what was pulled since then people want to know before it goes. */
const lookTwiceMs = 30 * 24 * 60 * 60 * 1000;

/** What goes, what stays, what is freed, and how to get it back: before anything goes. */
export function DeleteTags({
  repository,
  tags,
  all,
  isComplete,
  onClose,
  onDone,
}: {
  repository: string;
  tags: readonly Tag[];
  all: readonly Tag[];
  isComplete: boolean;
  onClose: () => void;
  onDone: () => void;
}) {
  const what = removalOf(tags, all, isComplete);
  const names = tags.map(({ name }) => name);
  const look = () => postRepositoriesRemovalsOfRepository({ repository, ...what, preview: true });
  const preview = useResource(`removal ${repository} ${JSON.stringify(what)}`, look);
  const [projectName = ""] = repository.split("/");
  const project = useResource(`project ${projectName}`, () =>
    getProjectsOfProject({ project: projectName }),
  );
  const days = project.value?.trash_days;
  const told = preview.value;
  const pulled = tags.filter(
    ({ pulled_at }) => pulled_at !== null && Date.now() - Date.parse(pulled_at) < lookTwiceMs,
  );
  const left = all.filter(({ name }) => !names.includes(name));
  return (
    <FormDialog
      title={text.tags.removeTitle(tags.length, repository)}
      lead={leadOf(tags.length, days)}
      action="confirm-delete-tags"
      submit={text.tags.remove(tags.length)}
      cancel={text.keep(tags.length)}
      isBad
      isOff={told === undefined}
      onClose={onClose}
      onSubmit={async () => {
        const startedAt = Date.now();
        if (told !== undefined && !isSame(told, await look())) {
          preview.reload();
          throw new ApiError(text.tags.wouldGoToo, 409, null);
        }
        const done = await postRepositoriesRemovalsOfRepository({ repository, ...what });
        onDone();
        const areGone = days === 0 ? text.tags.areErased : text.tags.areGone;
        toast(areGone(tags.length, repository), {
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
        await changed(`tags ${repository} `, "trash", `repository ${repository}`, "usage");
      }}
    >
      {preview.error !== null && <Trouble error={preview.error} onRetry={preview.reload} />}
      <dl>
        <Consequence name={text.goes}>
          <Names
            items={tags.map((tag) => ({
              key: tag.name,
              name: <code>{tag.name}</code>,
              beside: what.digests.includes(tag.digest)
                ? text.tags.withImage(tag.attached.length > 0)
                : text.tags.alone,
              end: <Size bytes={tag.size} />,
            }))}
          />
          {told !== undefined && <Along told={told} chosen={names} />}
        </Consequence>
        <Consequence name={text.stays}>
          <Names
            items={[
              ...sharing(tags, left).map(({ name, digest }) => ({
                key: name,
                name: <code>{name}</code>,
                beside: text.tags.staysWith(
                  tags.filter((tag) => tag.digest === digest).map((tag) => tag.name),
                ),
              })),
              {
                key: "",
                name: <span>{text.tags.others(left.length, isComplete)}</span>,
                beside: text.tags.othersStay,
              },
            ]}
          />
        </Consequence>
        <Consequence name={text.frees}>
          <ul>
            <li>
              {told === undefined ? (
                <span className="skel w-2" />
              ) : (
                <>
                  <span>{text.trash.freed(sizeText(told.bytes))}</span>
                  <span className="q3">{text.trash.freedRest}</span>
                </>
              )}
            </li>
          </ul>
        </Consequence>
        {pulled.length > 0 && (
          <Consequence name={text.lookTwice}>
            <Names
              items={pulled.map(({ name, pulled_at }) => ({
                key: name,
                name: (
                  <span>
                    <Mark name="attention" /> <code>{name}</code> {text.tags.wasPulled}{" "}
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
    beside: text.tags.goesAlong,
  }));
  const more = { key: "", name: <span>{text.tags.moreAlong(rest)}</span> };
  return <Names items={rest > 0 ? [...items, more] : items} />;
}

/** The server names a thousand tags, and counts them all. */
function isSame(shown: Removal, now: Removal): boolean {
  const namesOf = ({ removed }: Removal) => JSON.stringify(removed.flatMap(({ tags }) => tags));
  return shown.tags === now.tags && namesOf(shown) === namesOf(now);
}

function leadOf(count: number, days: number | undefined): string {
  if (days === undefined) return text.trash.moves;
  if (days === 0) return text.trash.movesDays(0);
  const until = new Date(Date.now() + days * 86_400_000).toISOString();
  return text.trash.movesUntil(count, dayTime(until));
}

/** An image goes with its last tag; one that keeps a tag stays. */
function removalOf(
  tags: readonly Tag[],
  all: readonly Tag[],
  isComplete: boolean,
): { readonly tags: string[]; readonly digests: string[] } {
  const going = new Set(tags.map(({ name }) => name));
  const staying = new Set(all.filter(({ name }) => !going.has(name)).map(({ digest }) => digest));
  // Where not all tags are known, another may name the image.
  const goesWhole = ({ digest }: Tag) => isComplete && !staying.has(digest);
  return {
    tags: tags.filter((tag) => !goesWhole(tag)).map(({ name }) => name),
    digests: [...new Set(tags.filter(goesWhole).map(({ digest }) => digest))],
  };
}

function sharing(tags: readonly Tag[], left: readonly Tag[]): readonly Tag[] {
  const digests = new Set(tags.map(({ digest }) => digest));
  return left.filter(({ digest }) => digests.has(digest));
}
