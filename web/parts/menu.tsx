import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

interface MenuItem {
  readonly label: ReactNode;
  readonly action: string;
  readonly keys?: string;
  readonly isBad?: boolean;
  readonly isChosen?: boolean;
  /** One of several that may be on: the menu stays open. */
  readonly isChecked?: boolean;
  /** Why it is off; null: it is on. */
  readonly off?: string | null;
  readonly onChoose: () => void;
}

/** A button that opens a list of things to do. */
export function Menu({
  label,
  button,
  className = "ib",
  shows,
  items,
  side = "end",
  tabIndex,
}: {
  label: string;
  button: ReactNode;
  className?: string;
  /** The words that the button shows, which its name must begin with. */
  shows?: string;
  items: readonly MenuItem[];
  side?: "start" | "end";
  tabIndex?: number;
}) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    list.current?.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    const close = (event: Event) => {
      const target = event.target as Node;
      if (!list.current?.contains(target) && !opener.current?.contains(target)) setOpen(false);
    };
    addEventListener("pointerdown", close);
    return () => removeEventListener("pointerdown", close);
  }, [isOpen]);

  const closeAnd = (then?: () => void) => {
    setOpen(false);
    opener.current?.focus();
    then?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Escape") return closeAnd();
    if (event.key === "Tab") return setOpen(false);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const all = [...(list.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    all.at((at + step + all.length) % all.length)?.focus();
  };
  return (
    <span className="menu-at">
      <button
        ref={opener}
        type="button"
        className={className}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        aria-label={shows === undefined ? label : `${shows}: ${label}`}
        tabIndex={tabIndex}
        onClick={(event) => {
          event.stopPropagation();
          setOpen(!isOpen);
        }}
      >
        {button}
      </button>
      {isOpen && (
        <div
          ref={list}
          id={id}
          className={`menu at-${side}`}
          role="menu"
          aria-label={label}
          tabIndex={-1}
          onKeyDown={onKeyDown}
        >
          {items.map((item) => (
            // biome-ignore lint/a11y/useAriaPropsSupportedByRole: a choice has a role that supports it
            <button
              key={item.action}
              type="button"
              className={item.isBad ? "mi bad" : "mi"}
              role={roleOf(item)}
              aria-checked={item.isChecked ?? item.isChosen}
              aria-disabled={item.off != null}
              title={item.off ?? undefined}
              data-action={item.action}
              tabIndex={-1}
              onClick={(event) => {
                event.stopPropagation();
                if (item.off != null) return;
                if (item.isChecked === undefined) closeAnd(item.onChoose);
                else item.onChoose();
              }}
            >
              {item.label}
              {item.keys !== undefined && <kbd className="k">{item.keys}</kbd>}
            </button>
          ))}
        </div>
      )}
    </span>
  );
}

function roleOf({ isChosen, isChecked }: MenuItem): string {
  if (isChecked !== undefined) return "menuitemcheckbox";
  return isChosen === undefined ? "menuitem" : "menuitemradio";
}
