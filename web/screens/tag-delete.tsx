import { useState } from "react";
import { Size } from "../parts/signs.tsx";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { RemovalDialog } from "./removal.tsx";
import type { Tag } from "./tags.ts";

interface Chosen {
  readonly tags: readonly Tag[];
  readonly all: readonly Tag[];
  readonly isComplete: boolean;
}

export default function DeleteTags({
  repository,
  onClose,
  onDone,
  ...given
}: Chosen & {
  repository: string;
  onClose: () => void;
  onDone: () => void;
}) {
  /** As they were shown when somebody wished them gone: the list itself follows what is pushed. */
  const [{ tags, all, isComplete }] = useState<Chosen>(given);
  const what = removalOf(tags, all, isComplete);
  const names = tags.map(({ name }) => name);
  const left = all.filter(({ name }) => !names.includes(name));
  const same = sharing(tags, left);
  const others = left.length - same.length;
  return (
    <RemovalDialog
      {...{ repository, what, onClose, onDone }}
      words={{
        title: imagesText.tags.removeTitle(tags.length, repository),
        submit: text.tags.remove(tags.length),
        areGone: imagesText.tags.areGone(tags.length, repository),
        areErased: imagesText.tags.areErased(tags.length, repository),
      }}
      action="confirm-delete-tags"
      tags={names}
      goes={tags.map((tag) => ({
        key: tag.name,
        name: <code>{tag.name}</code>,
        beside: what.digests.includes(tag.digest)
          ? imagesText.tags.withImage(tag.attached.length > 0)
          : imagesText.tags.alone,
        end: what.digests.includes(tag.digest) && <Size bytes={tag.size} />,
      }))}
      stays={[
        ...same.map(({ name, digest }) => ({
          key: name,
          name: <code>{name}</code>,
          beside: imagesText.tags.staysWith(
            tags.filter((tag) => tag.digest === digest).map((tag) => tag.name),
          ),
        })),
        ...(others === 0 && isComplete
          ? []
          : [
              {
                key: "",
                name: <span>{imagesText.tags.others(others, isComplete)}</span>,
                beside: imagesText.tags.othersStay(others, isComplete),
              },
            ]),
      ]}
      pulled={tags.map(({ name, pulled_at }) => ({
        key: name,
        name: <code>{name}</code>,
        pulled_at,
      }))}
    />
  );
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
    tags: tags.filter((tag) => !goesWhole(tag)).map(({ name, digest }) => `${name}@${digest}`),
    digests: [...new Set(tags.filter(goesWhole).map(({ digest }) => digest))],
  };
}

function sharing(tags: readonly Tag[], left: readonly Tag[]): readonly Tag[] {
  const digests = new Set(tags.map(({ digest }) => digest));
  return left.filter(({ digest }) => digests.has(digest));
}
