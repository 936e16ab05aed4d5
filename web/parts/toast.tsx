import { useEffect, useSyncExternalStore } from "react";
import { reasonOf } from "../state/resource.ts";
import { text } from "../text/text.ts";
import { Icon } from "./icon.tsx";

interface Toast {
  readonly message: string;
  readonly more?: string;
  readonly undo?: () => Promise<void>;
}

/** Long enough to be read; longer while somebody points at it. */
const shownMs = 8_000;

let shown: Toast | null = null;
const listeners = new Set<() => void>();

function set(toast: Toast | null): void {
  shown = toast;
  for (const listener of listeners) listener();
}

/** Tells what happened: one at a time. Errors are told where they belong, if anything is there. */
export function toast(message: string, rest: Omit<Toast, "message"> = {}): void {
  set({ message, ...rest });
}

/** Of what a button began, and nothing on the screen waits for. */
export function tellFailure(work: Promise<unknown>): void {
  void work.catch((error: unknown) => {
    toast(text.notDone(reasonOf(error)));
  });
}

/** The key Z. */
export function undoLast(): void {
  const undo = shown?.undo;
  if (undo === undefined) return;
  set(null);
  void undo().catch((error: unknown) => {
    set({ message: reasonOf(error) });
  });
}

export function Toasts() {
  const current = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
  useEffect(() => {
    if (current === null) return;
    const tick = () => {
      const isHeld = document.querySelector(".toast:hover, .toast:focus-within") !== null;
      timer = isHeld ? setTimeout(tick, shownMs) : timer;
      if (!isHeld) set(null);
    };
    let timer = setTimeout(tick, shownMs);
    return () => clearTimeout(timer);
  }, [current]);
  return (
    <div role="status" aria-live="polite">
      {current !== null && (
        <div className="toast">
          <span>
            {current.message} <span className="q">{current.more}</span>
          </span>
          {current.undo !== undefined && (
            <button type="button" className="btn" data-action="undo" onClick={undoLast}>
              {text.undo} <kbd>Z</kbd>
            </button>
          )}
          <button
            type="button"
            className="ib"
            aria-label={text.dismiss}
            data-action="dismiss"
            onClick={() => set(null)}
          >
            <Icon name="close" small />
          </button>
        </div>
      )}
    </div>
  );
}
