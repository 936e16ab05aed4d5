import { Digest, Size } from "../parts/signs.tsx";
import { imagesText } from "../text/images.ts";
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
  const label = <Digest digest={digest} />;
  const name = tag === null ? label : <code>{tag}</code>;
  const withDigest = (
    <>
      {name}
      {label}
    </>
  );
  const words = tag === null ? imagesText.untagged : imagesText.tags;
  return (
    <RemovalDialog
      {...{ repository, onClose, onDone }}
      what={
        goesWhole ? { tags: [], digests: [digest] } : { tags: [`${key}@${digest}`], digests: [] }
      }
      words={{
        title:
          tag === null
            ? imagesText.image.removeTitle(repository)
            : imagesText.tags.removeTitle(1, repository),
        submit: (tag === null ? imagesText.untagged : text.tags).remove(1),
        areGone: words.areGone(1, repository),
        areErased: words.areErased(1, repository),
      }}
      action="confirm-delete-image"
      tags={tag === null ? [] : [tag]}
      goes={[
        {
          key,
          name: tag === null ? name : withDigest,
          end: goesWhole && <Size bytes={size} />,
          beside:
            tag === null
              ? imagesText.untagged.along(null, hasMore)
              : goesWhole
                ? imagesText.tags.withImage(hasMore)
                : imagesText.tags.alone,
        },
      ]}
      stays={others.map((other) => ({
        key: other,
        name: <code>{other}</code>,
        beside: imagesText.tags.staysWith([key]),
      }))}
      pulled={[{ key, name, pulled_at }]}
    />
  );
}
