import { text } from "../text/text.ts";
import { CopyIcon } from "./copy.tsx";
import { Mark } from "./icon.tsx";

/** What is shown once, and how to take it along. */
export function NewSecret({
  secret,
  title = text.secretOnce,
  copies = text.copySecret,
}: {
  secret: string;
  title?: string;
  /** What the button that copies it says. */
  copies?: string;
}) {
  return (
    <div className="note ok" role="status">
      <Mark name="done" />
      <div className="grow">
        <p>
          <b>{title}</b>
        </p>
        <div className="once">
          <code>{secret}</code>
          <CopyIcon value={secret} label={copies} />
        </div>
      </div>
    </div>
  );
}
