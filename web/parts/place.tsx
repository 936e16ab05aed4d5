import { Fragment, type ReactNode, useEffect } from "react";
import { Link } from "../app/link.tsx";
import { text } from "../text/text.ts";

export interface Crumb {
  readonly label: string;
  readonly href?: string;
}

/** Where one is: breadcrumb, title, at most one thing to do, one line of text. */
export function Place({
  name,
  crumbs,
  title,
  beside,
  end,
  sub,
}: {
  /** For the window's title. */
  name: string;
  crumbs: readonly Crumb[];
  title: ReactNode;
  beside?: ReactNode;
  end?: ReactNode;
  sub?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${name} · Berth`;
  }, [name]);
  return (
    <div className="place">
      <nav aria-label={text.breadcrumb}>
        <ol className="crumbs">
          {crumbs.map(({ label, href }) => (
            <li key={label}>{href === undefined ? label : <Link href={href}>{label}</Link>}</li>
          ))}
        </ol>
      </nav>
      <div className="title">
        {title}
        {beside}
        <span className="grow" />
        {end}
      </div>
      {sub !== undefined && <p className="sub">{sub}</p>}
    </div>
  );
}

export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly isCurrent: boolean;
  readonly count?: number | undefined;
}

export function Tabs({ tabs, label = text.sections }: { tabs: readonly Tab[]; label?: string }) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.href} href={tab.href} aria-current={tab.isCurrent ? "page" : undefined}>
          {tab.label}
          {tab.count !== undefined && <span className="n">{text.number(tab.count)}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** A rule and a name, never a box. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="sect">
      <header>
        <h2>{title}</h2>
        {aside !== undefined && <span className="aside">{aside}</span>}
      </header>
      {children}
    </section>
  );
}

/** Names and values, one a line. */
export function Facts({ rows }: { rows: readonly (readonly [ReactNode, ReactNode])[] }) {
  return (
    <dl className="kv">
      {rows.map(([name, value], index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows of a screen do not move
        <Fragment key={index}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
