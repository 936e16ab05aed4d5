import { useEffect, useRef } from "react";

/** Tells whether the part is still on the screen: after a wait, what the URL says may be somebody else's. */
export function useMounted(): () => boolean {
  const isMounted = useRef(false);
  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);
  return () => isMounted.current;
}
