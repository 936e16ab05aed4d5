import { Icon, type IconName } from "../parts/icon.tsx";
import { Chip } from "../parts/signs.tsx";
import { text } from "../text/text.ts";

/** The system only where it is not linux; past three, two and how many more. */
export function Platforms({ kind, platforms }: { kind: string; platforms: readonly string[] }) {
  if (platforms.length === 0) {
    if (kind === "artifact") return <span className="q3">{text.artifact}</span>;
    return (
      <span className="q3" role="img" aria-label={text.noPlatform} title={text.noPlatform}>
        –
      </span>
    );
  }
  const shown = platforms.length > 3 ? platforms.slice(0, 2) : platforms;
  return (
    <span className="chips" title={platforms.join(", ")}>
      {shown.map((platform) => (
        <Chip key={platform}>{platform.replace(/^linux\//, "")}</Chip>
      ))}
      {shown.length < platforms.length && <Chip>+{platforms.length - shown.length}</Chip>}
    </span>
  );
}

export type AttachedKind = keyof typeof text.attached;

const icons: Readonly<Record<AttachedKind, IconName>> = {
  signature: "seal",
  sbom: "list",
  attestation: "link",
  other: "box",
};

/** Attached, not verified: without a box and without green. */
export function Attached({
  attached,
}: {
  attached: readonly { readonly kind: AttachedKind; readonly count: number }[];
}) {
  if (attached.length === 0) return <span className="q3">–</span>;
  return (
    <span className="row none-between">
      {attached.map(({ kind, count }) => (
        <span key={kind} className="att" title={text.attachedCount(kind, count)}>
          <Icon name={icons[kind]} />
          {text.attached[kind]}
        </span>
      ))}
    </span>
  );
}
