import { type ReactNode, useState } from "react";
import { text } from "../text/text.ts";

export function Consequence({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="cons">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const namesAtFirst = 20;

export interface NamedItem {
  readonly key: string;
  readonly name: ReactNode;
  readonly beside?: ReactNode;
  readonly end?: ReactNode;
}

/** Each by name: twenty, then the rest on demand. */
export function Names({ items }: { items: readonly NamedItem[] }) {
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? items : items.slice(0, namesAtFirst);
  return (
    <ul>
      {shown.map(({ key, name, beside, end }) => (
        <li key={key}>
          {name}
          {beside !== undefined && <span className="q3">{beside}</span>}
          {end}
        </li>
      ))}
      {shown.length < items.length && (
        <li>
          <button
            type="button"
            className="btn lnk"
            data-action="show-all-names"
            onClick={() => setOpen(true)}
          >
            {text.andMore(items.length - shown.length)}
          </button>
        </li>
      )}
    </ul>
  );
}
