import { Link } from "../app/link.tsx";
import { Icon } from "../parts/icon.tsx";
import { Digest, Size, When } from "../parts/signs.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { go, paths } from "../state/location.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";

type One = Image["attached"][number];

/** Signatures, SBOMs, attestations: attached, which says nothing of whether they are right. */
export function Attachments({ repository, image }: { repository: string; image: Image }) {
  if (image.attached.length === 0) return <p className="none">{imagesText.image.noneAttached}</p>;
  const columns: readonly Column<One>[] = [
    {
      key: "kind",
      head: text.kind,
      className: "row",
      cell: ({ kind }) => (
        <>
          <Icon
            name={
              { signature: "seal", sbom: "list", attestation: "link", other: "box" }[kind] as "seal"
            }
            small
          />
          {text.attachedLong[kind]}
        </>
      ),
    },
    {
      key: "digest",
      head: text.digest,
      className: "c-dig",
      cell: ({ digest }, isActive) => (
        <Link href={paths.digest(repository, digest)} tabIndex={isActive ? 0 : -1}>
          <Digest digest={digest} />
        </Link>
      ),
    },
    {
      key: "type",
      head: imagesText.image.artifactType,
      className: "cut q-p",
      cell: ({ artifact_type, predicates }) => (
        <code title={[artifact_type, ...predicates].join(", ")}>
          {predicates[0] ?? artifact_type ?? text.none}
        </code>
      ),
    },
    {
      key: "of",
      head: imagesText.image.of,
      className: "cut q-p",
      cell: ({ platform }) => platform ?? imagesText.image.whole,
    },
    {
      key: "size",
      head: (
        <span className="num">
          {text.size}
          <i />
        </span>
      ),
      className: "r",
      cell: ({ size }) => <Size bytes={size} />,
    },
    {
      key: "pushed",
      head: text.tags.pushed,
      className: "cut q-l",
      cell: ({ pushed_at, pushed_by }) => (
        <When time={pushed_at} by={pushed_by} place={repository} />
      ),
    },
  ];
  return (
    <div className="apart">
      <Table
        className="attached"
        label={imagesText.image.attachments}
        columns={columns}
        rows={image.attached}
        keyOf={({ digest, of }) => `${digest} ${of}`}
        onOpen={({ digest }) => go(paths.digest(repository, digest))}
      />
    </div>
  );
}
