import { type ReactNode, useState } from "react";
import { asError } from "../state/resource.ts";
import { Trouble } from "./notice.tsx";

/** Asks with what stands in the form around it, and shows what came of it; nothing is kept. */
export function Try({
  label,
  action,
  ask,
}: {
  label: string;
  action: string;
  ask: (fields: FormData) => Promise<ReactNode>;
}) {
  const [told, setTold] = useState<ReactNode>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (form: HTMLFormElement | null) => {
    if (form === null || isBusy || !form.reportValidity()) return;
    setBusy(true);
    try {
      setTold(await ask(new FormData(form)));
      setError(null);
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <div className="field">
      <button
        type="button"
        className="btn start"
        data-action={action}
        aria-disabled={isBusy}
        onClick={(event) => void send(event.currentTarget.form)}
      >
        {label}
      </button>
      {error === null ? told : <Trouble error={error} />}
    </div>
  );
}
