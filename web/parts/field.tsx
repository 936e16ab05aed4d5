import {
  type InputHTMLAttributes,
  type ReactNode,
  type TextareaHTMLAttributes,
  useId,
} from "react";

export function Field({
  label,
  hint,
  isCode = false,
  ...input
}: InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: ReactNode;
  name: string;
  /** What a machine reads: a name, an address, a pattern. */
  isCode?: boolean;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={isCode ? "in mono" : "in"}
        autoComplete={isCode ? "off" : undefined}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...input}
      />
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

/** A field of several lines, for what people paste. */
export function Area({
  label,
  hint,
  ...area
}: TextareaHTMLAttributes<HTMLTextAreaElement> & {
  label: string;
  hint?: ReactNode;
  name: string;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        className="in mono area"
        autoComplete="off"
        spellCheck={false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...area}
      />
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export function Select({
  label,
  name,
  choices,
  value,
  hint,
  isQuiet = false,
  onChoose,
}: {
  label: string;
  name: string;
  choices: readonly Choice[];
  value: string;
  hint?: ReactNode;
  /** The label is for screen readers alone. */
  isQuiet?: boolean;
  onChoose?: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className={isQuiet ? "field quiet" : "field"}>
      <label htmlFor={id} className={isQuiet ? "sr" : undefined}>
        {label}
      </label>
      <select
        id={id}
        name={name}
        className="in"
        {...(onChoose === undefined
          ? { defaultValue: value }
          : { value, onChange: (event) => onChoose(event.currentTarget.value) })}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      {hint !== undefined && <span className="hint">{hint}</span>}
    </div>
  );
}

export function Check({
  label,
  name,
  value = "on",
  isChecked,
}: {
  label: string;
  name: string;
  value?: string;
  isChecked: boolean;
}) {
  return (
    <label className="check">
      <input type="checkbox" className="ck" name={name} value={value} defaultChecked={isChecked} />
      {label}
    </label>
  );
}

/** Any number of choices. */
export function Checks({
  label,
  name,
  choices,
  checked,
}: {
  label: string;
  name: string;
  choices: readonly Choice[];
  checked: readonly string[];
}) {
  return (
    <fieldset className="field checks">
      <legend className="lab">{label}</legend>
      {choices.map((choice) => (
        <Check
          key={choice.value}
          {...{ name, ...choice }}
          isChecked={checked.includes(choice.value)}
        />
      ))}
    </fieldset>
  );
}

/** What a form says; text, since no field of the console holds files. */
export function fieldOf(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** Of a field that holds several, with spaces or commas between. */
export function wordsOf(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((word) => word !== "");
}
