import { type ReactNode, useEffect, useId, useRef } from "react";
import { useSubmit } from "../state/submit.ts";
import { text } from "../text/text.ts";
import { Trouble } from "./notice.tsx";

/** What is asked before anything else goes on. The browser keeps the focus inside and gives it back. */
export function Dialog({
  title,
  lead,
  role = "dialog",
  className = "",
  onClose,
  children,
}: {
  title: string;
  lead?: ReactNode;
  role?: "dialog" | "alertdialog";
  className?: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element === null || element.open) return;
    const opener = document.activeElement;
    element.showModal();
    element.querySelector<HTMLElement>("[data-safe]")?.focus();
    return () => {
      element.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      role={role}
      aria-labelledby={`${id}-title`}
      aria-describedby={lead === undefined ? undefined : `${id}-lead`}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {lead !== undefined && <p id={`${id}-lead`}>{lead}</p>}
      </header>
      {children}
    </dialog>
  );
}

/** A form in a dialog: what goes wrong is told in it, and what was typed stays. */
export function FormDialog({
  title,
  lead,
  action,
  submit,
  cancel = text.cancel,
  isBad = false,
  isOff = false,
  offWhy,
  className = "",
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  lead?: ReactNode;
  /** `data-action` of the button that does it. */
  action: string;
  submit: string;
  cancel?: string;
  isBad?: boolean;
  isOff?: boolean;
  /** Where it stays off. */
  offWhy?: string | undefined;
  className?: string;
  onSubmit: (fields: FormData) => Promise<void>;
  onClose: () => void;
  children?: ReactNode;
}) {
  const { error, isBusy, send } = useSubmit(onSubmit);
  return (
    <Dialog
      title={title}
      lead={lead}
      role={isBad ? "alertdialog" : "dialog"}
      className={className}
      onClose={onClose}
    >
      <form onSubmit={send}>
        <div className="body">
          {error !== null && <Trouble error={error} />}
          {children}
        </div>
        <footer>
          <button
            type="button"
            className="btn"
            data-action={`${action}-cancel`}
            // The focus begins on what changes nothing.
            data-safe={isBad ? "" : undefined}
            onClick={onClose}
          >
            {cancel}
          </button>
          <button
            type="submit"
            className={isBad ? "btn bad go" : "btn go"}
            data-action={action}
            disabled={isOff || offWhy !== undefined}
            title={offWhy}
            aria-disabled={isBusy}
          >
            {submit}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
