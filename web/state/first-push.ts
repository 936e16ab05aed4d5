import { useRef, useState } from "react";

/** Whoever came before the first push sees it arrive where they waited for it, until they go on. */
export function useFirstPush(isEmpty: boolean): {
  readonly waits: boolean;
  readonly goOn: () => void;
} {
  const [isDone, setDone] = useState(false);
  const waits = useRef(false);
  waits.current ||= isEmpty;
  return { waits: waits.current && !isDone, goOn: () => setDone(true) };
}
