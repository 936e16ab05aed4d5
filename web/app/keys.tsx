import { Dialog } from "../parts/dialog.tsx";
import { setPreference, usePreference } from "../state/preferences.ts";
import { text } from "../text/text.ts";

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const keys = usePreference("keys", "on");
  return (
    <Dialog title={text.keys.title} onClose={onClose}>
      <div className="body">
        <dl className="keys">
          {text.keys.list.map(([pressed, what]) => (
            <div key={pressed}>
              <dt>
                {pressed.split(" ").map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <label className="opt">
          <input
            type="checkbox"
            className="ck"
            checked={keys === "on"}
            data-action="toggle-keys"
            onChange={(event) => setPreference("keys", event.currentTarget.checked ? "on" : "off")}
          />
          <span>{text.keys.single}</span>
        </label>
      </div>
      <footer>
        <button type="button" className="btn" data-action="close-keys" onClick={onClose}>
          {text.close}
        </button>
      </footer>
    </Dialog>
  );
}
