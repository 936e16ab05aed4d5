import { type ReactNode, useEffect, useState } from "react";
import { deleteAccountSessionsOfId, getAccountSessions } from "../../client/operations.ts";
import { Brand, Icon } from "../parts/icon.tsx";
import { Menu } from "../parts/menu.tsx";
import { isTyping } from "../parts/table.tsx";
import { tellFailure, undoLast } from "../parts/toast.tsx";
import { go, paths, type Screen } from "../state/location.ts";
import { preference, setPreference, usePreference } from "../state/preferences.ts";
import { useAccount } from "../state/session.ts";
import { text } from "../text/text.ts";
import { KeysDialog } from "./keys.tsx";
import { Link } from "./link.tsx";
import { Palette } from "./palette.tsx";

/** The top bar, and what is there on every screen. */
export function Shell({ screen, children }: { screen: Screen; children: ReactNode }) {
  const account = useAccount();
  const [open, setOpen] = useState<"palette" | "keys" | null>(null);
  useKeys(setOpen);
  const places = [
    { label: text.nav.home, href: paths.home, isCurrent: ["home", "push"].includes(screen.kind) },
    {
      label: text.nav.projects,
      href: paths.projects,
      isCurrent: ["projects", "project", "repository", "image", "compare"].includes(screen.kind),
    },
    { label: text.nav.trash, href: paths.trash, isCurrent: screen.kind === "trash" },
    ...(account.administrator
      ? [{ label: text.nav.admin, href: paths.admin(), isCurrent: screen.kind === "admin" }]
      : []),
  ];
  return (
    <>
      <a className="skip" href="#main">
        {text.skip}
      </a>
      <header className="top">
        <span className="only-phone">
          <Menu
            label={text.nav.menu}
            button={<Icon name="menu" />}
            side="start"
            items={places.map(({ label, href }) => ({
              label,
              action: `menu-${href}`,
              onChoose: () => go(href),
            }))}
          />
        </span>
        <Link className="brand" href={paths.home}>
          <Brand />
          <span>Berth</span>
        </Link>
        <nav className="nav" aria-label={text.nav.main}>
          {places.map(({ label, href, isCurrent }) => (
            <Link key={href} href={href} aria-current={isCurrent ? "page" : undefined}>
              {label}
            </Link>
          ))}
        </nav>
        <span className="grow" />
        <button
          type="button"
          className="find"
          data-action="open-palette"
          onClick={() => setOpen("palette")}
        >
          <Icon name="search" small />
          <span>{text.palette.open}</span>
          <kbd>{text.palette.ctrl}</kbd>
          <kbd>K</kbd>
        </button>
        <button
          type="button"
          className="ib only-phone"
          aria-label={text.palette.open}
          data-action="open-palette"
          onClick={() => setOpen("palette")}
        >
          <Icon name="search" />
        </button>
        <AccountMenu name={account.name} onKeys={() => setOpen("keys")} />
      </header>
      {children}
      {open === "palette" && <Palette onClose={() => setOpen(null)} />}
      {open === "keys" && <KeysDialog onClose={() => setOpen(null)} />}
    </>
  );
}

function AccountMenu({ name, onKeys }: { name: string; onKeys: () => void }) {
  const theme = usePreference("theme", "system");
  const initials = name.slice(0, 2).toUpperCase();
  return (
    <Menu
      label={text.account.menu(name)}
      shows={initials}
      className="who"
      button={<span>{initials}</span>}
      items={[
        { label: text.account.profile, action: "profile", onChoose: () => go(paths.profile()) },
        ...(["system", "light", "dark"] as const).map((value) => ({
          label: text.account.theme[value],
          action: `theme-${value}`,
          isChosen: theme === value,
          onChoose: () => setPreference("theme", value),
        })),
        { label: text.keys.title, action: "keys", keys: "?", onChoose: onKeys },
        { label: text.account.docs, action: "docs", onChoose: () => location.assign("/docs") },
        { label: text.account.signOut, action: "sign-out", onChoose: () => tellFailure(signOut()) },
      ]}
    />
  );
}

async function signOut(): Promise<void> {
  const { items } = await getAccountSessions({ limit: 200 });
  const own = items.find(({ current }) => current);
  if (own !== undefined) await deleteAccountSessionsOfId({ id: own.id });
  location.assign("/signin");
}

const placeKeys: Readonly<Record<string, string>> = {
  h: paths.home,
  p: paths.projects,
  t: paths.trash,
  a: paths.admin(),
};

/** Single keys count only while nothing is typed, and can be switched off. */
function useKeys(open: (what: "palette" | "keys") => void): void {
  useEffect(() => {
    let goesAt = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        return open("palette");
      }
      const isPlain = !(event.ctrlKey || event.metaKey || event.altKey);
      const isOff = preference("keys", "on") === "off";
      const isAsked = document.querySelector("dialog[open]") !== null;
      if (!isPlain || isOff || isAsked || isTyping(event.target)) return;
      if (performance.now() - goesAt < 1_000) {
        goesAt = 0;
        const to = placeKeys[event.key];
        if (to !== undefined) return go(to);
      }
      if (event.key === "g") goesAt = performance.now();
      else if (event.key === "?") open("keys");
      else if (event.key === "z") undoLast();
      else if (event.key === "/") {
        const filter = document.querySelector<HTMLInputElement>(".filter input");
        if (filter === null) return;
        event.preventDefault();
        filter.focus();
      } else if (event.key === "[" || event.key === "]") moveTab(event.key === "]" ? 1 : -1);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [open]);
}

function moveTab(step: 1 | -1): void {
  const tabs = [...document.querySelectorAll<HTMLAnchorElement>(".tabs a")];
  const at = tabs.findIndex((tab) => tab.getAttribute("aria-current") === "page");
  const next = tabs[at + step];
  if (at !== -1 && next !== undefined) go(next.pathname + next.search);
}
