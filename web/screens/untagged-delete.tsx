import { Digest, Size } from "../parts/signs.tsx";
import { imagesText } from "../text/images.ts";
import { RemovalDialog } from "./removal.tsx";
import type { Untagged } from "./untagged.tsx";

export function DeleteUntagged({
  repository,
  images,
  onClose,
  onDone,
}: {
  repository: string;
  images: readonly Untagged[];
  onClose: () => void;
  onDone: () => void;
}) {
  const count = images.length;
  return (
    <RemovalDialog
      {...{ repository, onClose, onDone }}
      what={{ tags: [], digests: images.map(({ digest }) => digest) }}
      words={{
        title: imagesText.untagged.removeTitle(count, repository),
        submit: imagesText.untagged.remove(count),
        areGone: imagesText.untagged.areGone(count, repository),
        areErased: imagesText.untagged.areErased(count, repository),
      }}
      action="confirm-delete-untagged"
      tags={[]}
      goes={images.map(({ digest, size, last_tag, attached }) => ({
        key: digest,
        name: <Digest digest={digest} />,
        beside: imagesText.untagged.along(last_tag, attached.length > 0),
        end: <Size bytes={size} />,
      }))}
      stays={[]}
      pulled={images.map(({ digest, pulled_at }) => ({
        key: digest,
        name: <Digest digest={digest} />,
        pulled_at,
      }))}
    />
  );
}
