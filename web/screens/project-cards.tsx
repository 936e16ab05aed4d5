import { type ReactNode, useState } from "react";
import { Link } from "../app/link.tsx";
import { Chip, When } from "../parts/signs.tsx";
import { StarButton } from "../parts/star.tsx";
import { paths } from "../state/location.ts";
import { text } from "../text/text.ts";
import type { Project } from "./projects.tsx";

/** Each of them asks how much is stored. */
const cardsAtOnce = 48;

/** Projects beside each other, each with all of its description: for who has few of them, and looks around. */
export default function ProjectCards({
  projects,
  more,
  sizeOf,
}: {
  projects: readonly Project[];
  /** Reads on; undefined where all were read. */
  more: (() => void) | undefined;
  sizeOf: (project: string) => ReactNode;
}) {
  const [count, setCount] = useState(cardsAtOnce);
  const rest = projects.length - count;
  return (
    <>
      <ul className="cards" aria-label={text.nav.projects}>
        {projects
          .slice(0, count)
          .map(({ name, visibility, description, created_at, created_by }) => (
            <li key={name} data-name={name}>
              <header className="row">
                <Link className="tag cut" href={paths.project(name)}>
                  {name}
                </Link>
                <Chip>{text.visibility[visibility]}</Chip>
                <span className="grow" />
                <StarButton name={name} />
              </header>
              <p className="q2">{description}</p>
              <footer className="row q3">
                <When time={created_at} by={created_by} />
                <span className="grow" />
                {sizeOf(name)}
              </footer>
            </li>
          ))}
      </ul>
      {(rest > 0 || more !== undefined) && (
        <button
          type="button"
          className="btn"
          data-action="more-cards"
          onClick={() => {
            setCount(count + cardsAtOnce);
            if (rest <= cardsAtOnce) more?.();
          }}
        >
          {text.projects.more}
        </button>
      )}
    </>
  );
}
