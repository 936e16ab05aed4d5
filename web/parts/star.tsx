import { setStar, useStars } from "../state/stars.ts";
import { text } from "../text/text.ts";
import { Icon } from "./icon.tsx";
import type { Column } from "./table.tsx";
import { tellFailure } from "./toast.tsx";

/** Marks a project or a repository for oneself. */
export function StarButton({ name, tabIndex }: { name: string; tabIndex?: number }) {
  const stars = useStars();
  const isOn = stars.value?.items.some((star) => star.name === name) ?? false;
  return (
    <button
      type="button"
      className={isOn ? "ib star keep" : "ib star"}
      aria-label={text.stars.star(name)}
      aria-pressed={isOn}
      title={isOn ? text.stars.remove : text.stars.add}
      data-action="star"
      tabIndex={tabIndex}
      // Until it is known whether there is one, a click could do the contrary.
      disabled={stars.value === undefined}
      onClick={() => tellFailure(setStar(name, !isOn))}
    >
      <Icon name="star" small />
    </button>
  );
}

/** The last column of projects and of repositories. */
export const starColumn: Column<{ readonly name: string }> = {
  key: "star",
  head: <span className="sr">{text.stars.add}</span>,
  className: "c-star do",
  cell: ({ name }, isActive) => <StarButton name={name} tabIndex={isActive ? 0 : -1} />,
};
