import type { ReactNode } from "react";
import { text } from "../text/text.ts";

const namesShown = 6;

/** Takes the heads' place at the same height: nothing jumps. */
export function SelectionBar({
  names,
  more,
  onClear,
  children,
}: {
  names: readonly string[];
  more?: ReactNode;
  onClear: () => void;
  children: ReactNode;
}) {
  const shown = names.slice(0, namesShown);
  return (
    <div className="selbar" role="toolbar" aria-label={text.selection.label(names.length)}>
      <input
        type="checkbox"
        className="ck part"
        aria-label={text.selection.clear}
        data-action="clear-selection"
        checked={false}
        onChange={onClear}
      />
      <span className="b nw">{text.selection.count(names.length)}</span>
      <span className="q cut grow">
        {shown.map((name, index) => (
          <span key={name}>
            {index > 0 && ", "}
            <code>{name}</code>
          </span>
        ))}
        {names.length > shown.length && ` ${text.andMore(names.length - shown.length)}`} {more}
      </span>
      {children}
      <span className="sep" />
      <button type="button" className="btn" data-action="clear-selection" onClick={onClear}>
        {text.selection.clear} <kbd>{text.keys.names.escape}</kbd>
      </button>
    </div>
  );
}
