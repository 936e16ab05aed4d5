import { type ReactNode, useLayoutEffect, useRef } from "react";
import { Link } from "../app/link.tsx";
import { Place } from "../parts/place.tsx";
import { paths } from "../state/location.ts";
import { text } from "../text/text.ts";

export function AdminPlace({
  tab,
  end,
  sub,
}: {
  tab: keyof typeof text.admin.tabs;
  end?: ReactNode;
  sub?: ReactNode;
}) {
  const tabs = useRef<HTMLElement>(null);
  // There are more of them than a phone has room for.
  useLayoutEffect(() => {
    const { current: nav } = tabs;
    const shown = nav?.querySelector<HTMLElement>(`[href="${paths.admin(tab)}"]`);
    if (nav == null || shown == null) return;
    nav.scrollLeft = shown.offsetLeft - (nav.clientWidth - shown.offsetWidth) / 2;
  }, [tab]);
  return (
    <>
      <Place
        name={text.admin.tabs[tab]}
        crumbs={[{ label: text.nav.admin, href: paths.admin() }, { label: text.admin.tabs[tab] }]}
        title={<h1 tabIndex={-1}>{text.admin.tabs[tab]}</h1>}
        end={end}
        sub={sub}
      />
      <nav className="tabs only-phone-block" aria-label={text.sections} ref={tabs}>
        {(Object.keys(text.admin.tabs) as (keyof typeof text.admin.tabs)[]).map((each) => (
          <Link
            key={each}
            href={paths.admin(each)}
            aria-current={each === tab ? "page" : undefined}
          >
            {text.admin.tabs[each]}
          </Link>
        ))}
      </nav>
    </>
  );
}
