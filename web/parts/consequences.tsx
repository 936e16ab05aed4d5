import { type ReactNode, useState } from "react";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { sizeText } from "./format.ts";

export function Consequence({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="cons">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What comes back once it is gone for good; of what others hold too only where there is such. */
export function Frees({
  told,
  isKept,
}: {
  /** Undefined: it is not known yet. */
  told: { readonly bytes: number; readonly shared_bytes: number } | undefined;
  /** In the trash, for a while. */
  isKept: boolean;
}) {
  return (
    <Consequence name={text.frees}>
      <ul>
        <li>
          {told === undefined ? (
            <span className="skel w-2" />
          ) : (
            <>
              <span>
                {imagesText.trash.freed(told.bytes === 0 ? "" : sizeText(told.bytes), isKept)}
              </span>
              {told.shared_bytes > 0 && (
                <span className="q3">{imagesText.trash.shared(sizeText(told.shared_bytes))}</span>
              )}
            </>
          )}
        </li>
      </ul>
    </Consequence>
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
