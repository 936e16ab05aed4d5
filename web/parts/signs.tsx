import type { ReactNode } from "react";
import { text } from "../text/text.ts";
import { ago, digestGroups, exactTime, nameIn, sizeOf } from "./format.ts";
import { Icon } from "./icon.tsx";

/** The whole digest is in the title and in what is copied. */
export function Digest({ digest, groups = 3 }: { digest: string; groups?: number }) {
  return (
    <span className="dig" title={digest}>
      {digestGroups(digest, groups).map((group, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: groups never change places
        <span key={index}>{group}</span>
      ))}
    </span>
  );
}

export function Size({ bytes }: { bytes: number }) {
  const { amount, unit } = sizeOf(bytes);
  return (
    <span className="num" title={text.bytes(bytes)}>
      {amount}
      <i>{unit}</i>
    </span>
  );
}

/** A time as people say it, the exact one at hand; with who did it, as they are called in `place`. */
export function When({
  time,
  by,
  place = "",
}: {
  time: string;
  by?: string | null;
  place?: string;
}) {
  return (
    <time dateTime={time} title={exactTime(time)}>
      {ago(time)}
      {by != null && (
        <span className="by" title={by}>
          {" "}
          {text.by(nameIn(place, by))}
        </span>
      )}
    </time>
  );
}

/** Names of repositories, project included. */
export function Pattern({ pattern }: { pattern: string }) {
  return pattern === "**" ? text.everyRepository : <code>{pattern}</code>;
}

/** Null: it never happened. */
export function WhenOrNever({ time }: { time: string | null }) {
  return time === null ? <span className="q3">{text.never}</span> : <When time={time} />;
}

export function Chip({ children, kind }: { children: ReactNode; kind?: "warn" | "info" | "bad" }) {
  return <span className={kind === undefined ? "chip" : `chip ${kind}`}>{children}</span>;
}

/** Cut in the middle: both ends of a long name stay. */
export function Middle({ name }: { name: string }) {
  const tail = name.length > 18 ? 9 : 0;
  return (
    <span className="mid" title={name}>
      <span>{tail === 0 ? name : name.slice(0, -tail)}</span>
      {tail > 0 && <span>{name.slice(-tail)}</span>}
    </span>
  );
}

/** `project/name:tag`: the path quiet, the last part strong. */
export function ReferenceTitle({ quiet, strong }: { quiet: string; strong: ReactNode }) {
  return (
    <h1 className="ref-t" tabIndex={-1}>
      <i>{quiet}</i>
      {strong}
    </h1>
  );
}

export function Locked({ why }: { why: string }) {
  return (
    <span className="lock" role="img" aria-label={why} title={why}>
      <Icon name="lock" small />
    </span>
  );
}
