import { useEffect, useState } from "react";
import { text } from "../text/text.ts";
import { say } from "./announce.tsx";
import { writeClipboard } from "./clipboard.ts";
import { Icon, Mark } from "./icon.tsx";

const shownMs = 1_500;

/** Writes to the clipboard, and tells for a moment that it did. */
export function useCopy(): { readonly isCopied: boolean; readonly copy: (value: string) => void } {
  const [copiedAt, setCopiedAt] = useState(0);
  useEffect(() => {
    if (copiedAt === 0) return;
    const timer = setTimeout(() => setCopiedAt(0), shownMs);
    return () => clearTimeout(timer);
  }, [copiedAt]);
  return {
    isCopied: copiedAt !== 0,
    copy(value) {
      void writeClipboard(value).then((isDone) => {
        say(isDone ? text.copied : text.notCopied);
        if (isDone) setCopiedAt(performance.now());
      });
    },
  };
}

export function CopyIcon({
  value,
  label,
  tabIndex,
}: {
  value: string;
  label: string;
  tabIndex?: number;
}) {
  const { isCopied, copy } = useCopy();
  return (
    <button
      type="button"
      className="ib keep"
      aria-label={label}
      title={isCopied ? text.copied : label}
      data-action="copy"
      data-copies={value}
      tabIndex={tabIndex}
      onClick={(event) => {
        event.stopPropagation();
        copy(value);
      }}
    >
      {isCopied ? <Mark name="done" /> : <Icon name="copy" small />}
    </button>
  );
}

/** Lines to run, with a copy of all of them. */
export function Code({ lines, label }: { lines: readonly string[]; label: string }) {
  const value = lines.join("\n");
  return (
    <div className="code">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: what scrolls must be reached by keyboard, and have a name */}
      <pre tabIndex={0} role="region" aria-label={label}>
        {value}
      </pre>
      <CopyIcon value={value} label={text.copyLines} />
    </div>
  );
}
