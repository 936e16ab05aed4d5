import type { ReactNode } from "react";

const shapes = {
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.3 10.3 3.2 3.2" />
    </>
  ),
  down: <path d="m4.5 6.5 3.5 3.5 3.5-3.5" />,
  up: <path d="m4.5 9.5 3.5-3.5 3.5 3.5" />,
  right: <path d="m6.5 4.5 3.5 3.5-3.5 3.5" />,
  copy: <path d="M5.5 5.5h8v8h-8z M10.5 3.2v-.7h-8v8h.7" />,
  clock: (
    <>
      <circle cx="8" cy="8" r="5.7" />
      <path d="M8 4.8V8l2.2 1.6" />
    </>
  ),
  back: <path d="M6.3 3.3 3 6.5l3.3 3.2M3.2 6.5h6.3a3.5 3.5 0 0 1 0 7H6" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  plus: <path d="M8 3.5v9M3.5 8h9" />,
  tag: <path d="M2.5 2.5h5.8l5.2 5.2-5.8 5.8-5.2-5.2z M5.5 5.5h.01" />,
  more: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth="2" />,
  lock: <path d="M3.5 7.5h9v6h-9z M5.5 7.3V5a2.5 2.5 0 0 1 5 0v2.3" />,
  columns: <path d="M2.5 3.5h11v9h-11z M6.2 3.5v9 M9.8 3.5v9" />,
  people: (
    <>
      <circle cx="6" cy="5.7" r="2.3" />
      <path d="M1.8 13c.3-2.4 2-3.6 4.2-3.6s3.9 1.2 4.2 3.6 M10.5 3.7a2.2 2.2 0 0 1 0 4 M12 9.6c1.3.5 2.1 1.6 2.3 3.4" />
    </>
  ),
  person: (
    <>
      <circle cx="8" cy="5.4" r="2.6" />
      <path d="M3 13.3c.5-2.7 2.5-4 5-4s4.5 1.3 5 4" />
    </>
  ),
  robot: <path d="M3.5 6h9v7h-9z M8 5.8V3.2 M6.2 9h.01M9.8 9h.01 M6.5 11.2h3" />,
  layers: <path d="m8 2.5 5.5 3L8 8.5l-5.5-3z M2.5 8.3 8 11.3l5.5-3 M2.5 11l5.5 3 5.5-3" />,
  box: <path d="M2.5 5 8 2.5 13.5 5v6L8 13.5 2.5 11z M2.5 5 8 7.5 13.5 5 M8 7.5v6" />,
  key: (
    <>
      <circle cx="5.2" cy="10.8" r="2.5" />
      <path d="m7 9 6-6M10.7 5.3l1.8 1.8" />
    </>
  ),
  trash: <path d="M3 4.5h10M6 4.3V2.7h4v1.6M4.5 4.7l.6 8.8h5.8l.6-8.8" />,
  seal: (
    <>
      <circle cx="8" cy="6.3" r="3.8" />
      <path d="m6 9.6-.8 4 2.8-1.4 2.8 1.4-.8-4" />
    </>
  ),
  list: <path d="M5.7 4h7.5M5.7 8h7.5M5.7 12h7.5M2.8 4h.01M2.8 8h.01M2.8 12h.01" />,
  link: (
    <path d="M6.5 9.5 9.5 6.5M7.5 4.7l1-1a2.7 2.7 0 0 1 3.8 3.8l-1 1M8.5 11.3l-1 1a2.7 2.7 0 0 1-3.8-3.8l1-1" />
  ),
  folder: <path d="M2.5 4.5h4L8 6h5.5v7h-11z" />,
  file: <path d="M4 2.5h5.5L12 5v8.5H4z M9.5 2.5V5H12" />,
  star: <path d="m8 2.3 1.8 3.6 3.9.6-2.8 2.8.6 3.9L8 11.4l-3.5 1.8.6-3.9-2.8-2.8 3.9-.6z" />,
  swap: <path d="M5 3v10M11 3v10M2.8 5.3 5 3l2.2 2.3M8.8 10.7 11 13l2.2-2.3" />,
} as const satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;

export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg className={small ? "i s" : "i"} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}

const square = "M0 0h12v12H0zM1.3 1.3v9.4h9.4V1.3z";
const marks = {
  done: <path d="M0 0h12v12H0z" />,
  live: <path d="M0 0h12v12H0zM4 4v4h4V4z" fillRule="evenodd" />,
  waiting: <path d={`${square} M4 4h4v4H4z`} fillRule="evenodd" />,
  attention: (
    <>
      <path d="M0 0h12v12H0z" />
      <path d="M0 0v12h12z" fill="var(--flag-ink)" />
      <path d="M.5.5h11v11H.5z" fill="none" stroke="var(--warn-solid)" />
    </>
  ),
  failed: <path d={`${square} M6 2.4 9.6 6 6 9.6 2.4 6z`} fillRule="evenodd" />,
  stopped: (
    <>
      <path d={square} fillRule="evenodd" />
      <path d="m1 1 10 10M11 1 1 11" stroke="currentColor" strokeWidth="1.8" />
    </>
  ),
} as const satisfies Record<string, ReactNode>;

export type MarkName = keyof typeof marks;

/** A state, in shape and colour. With a word beside it, `label` is left out. */
export function Mark({ name, label }: { name: MarkName; label?: string }) {
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: a word is beside it, or it has a label
    <svg
      className={`m k-${name}${name === "live" ? " live" : ""}`}
      viewBox="0 0 12 12"
      fill="currentColor"
      {...(label === undefined
        ? ({ "aria-hidden": true } as const)
        : ({ role: "img", "aria-label": label } as const))}
    >
      {marks[name]}
    </svg>
  );
}

export function Brand() {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true">
      <path d="M2 1v17h16V1" fill="none" stroke="currentColor" strokeWidth="2" />
      <path d="M10 2c2.3 2.1 3.5 4.3 3.5 6.8V15h-7V8.8C6.5 6.3 7.7 4.1 10 2z" fill="currentColor" />
    </svg>
  );
}
