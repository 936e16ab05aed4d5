import { useEffect, useState } from "react";

/** What a screen reader says without a change of focus. */
let tell: (message: string) => void = () => {};

export function say(message: string): void {
  tell(message);
}

export function Announcer() {
  const [message, setMessage] = useState("");
  useEffect(() => {
    tell = setMessage;
    return () => {
      tell = () => {};
    };
  }, []);
  return (
    <div className="sr" aria-live="polite">
      {message}
    </div>
  );
}
