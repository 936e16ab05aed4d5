import { Digest, Size } from "../parts/signs.tsx";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";
import { RemovalDialog } from "./removal.tsx";

/** What the page is about: a tag, with its image where it is the last one of it, or an image with all its tags. */
export default function DeleteImage({
  image,
  tag,
  onClose,
  onDone,
}: {
  image: Image;
  /** Null: the page is that of the digest. */
  tag: string | null;
  onClose: () => void;
  onDone: () => void;
}) {
  const { repository, digest, size, attached, pulled_at } = image;
  const others = tag === null ? [] : image.tags.filter((name) => name !== tag);
  const goesWhole = tag === null || others.length === 0;
  const hasMore = attached.length > 0;
  const key = tag ?? digest;
  const name = tag === null ? <Digest digest={digest} /> : <code>{tag}</code>;
  const words = tag === null ? text.untagged : text.tags;
  return (
    <RemovalDialog
      {...{ repository, onClose, onDone }}
      what={goesWhole ? { tags: [], digests: [digest] } : { tags: [key], digests: [] }}
      words={{
        title:
          tag === null ? text.image.removeTitle(repository) : text.tags.removeTitle(1, repository),
        submit: words.remove(1),
        areGone: words.areGone(1, repository),
        areErased: words.areErased(1, repository),
      }}
      action="confirm-delete-image"
      tags={tag === null ? [] : [tag]}
      goes={[
        {
          ...{ key, name, end: goesWhole && <Size bytes={size} /> },
          beside:
            tag === null
              ? text.untagged.along(null, hasMore)
              : goesWhole
                ? text.tags.withImage(hasMore)
                : text.tags.alone,
        },
      ]}
      stays={others.map((other) => ({
        key: other,
        name: <code>{other}</code>,
        beside: text.tags.staysWith([key]),
      }))}
      pulled={[{ key, name, pulled_at }]}
    />
  );
}
