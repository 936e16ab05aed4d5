import { Link } from "../app/link.tsx";
import { text } from "../text/text.ts";
import { clockTime, dayName, exactTime } from "./format.ts";
import { Mark } from "./icon.tsx";

interface TimetableRow {
  readonly key: string;
  /** Null: `count` stands in front. */
  readonly time: string | null;
  readonly count?: number;
  /** It came while somebody looks. */
  readonly isNew?: boolean;
  readonly quiet: string;
  readonly strong: string;
  readonly href: string;
  readonly end: string;
  /** The whole of `end`, or exactly. */
  readonly endTitle?: string;
}

/** Time or count | mark | reference | who. Days are rows of their own. */
export function Timetable({ label, rows }: { label: string; rows: readonly TimetableRow[] }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows of the tracks that all tables have
    <div className="tbl tt" role="table" aria-label={label}>
      {rows.map((row, index) => {
        const { key, ...line } = row;
        const day = row.time === null ? null : dayName(row.time);
        const before = rows[index - 1]?.time ?? null;
        const isDay = day !== null && day !== (before === null ? dayName() : dayName(before));
        return [
          isDay && (
            // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see the table
            <div key={`day ${day}`} className="tr day" role="row">
              {/* biome-ignore lint/a11y/useSemanticElements: see the table */}
              <span role="cell">{day}</span>
            </div>
          ),
          <Line key={key} {...line} />,
        ];
      })}
    </div>
  );
}

function Line({
  time,
  count,
  isNew,
  quiet,
  strong,
  href,
  end,
  endTitle,
}: Omit<TimetableRow, "key">) {
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: see the table
    <div className="tr" role="row" data-name={quiet + strong}>
      {/* biome-ignore lint/a11y/useSemanticElements: see the table */}
      <span className={time === null ? "r" : undefined} role="cell">
        {time === null ? (
          text.times(count ?? 0)
        ) : (
          <time dateTime={time} title={exactTime(time)}>
            {clockTime(time)}
          </time>
        )}
      </span>
      {/* biome-ignore lint/a11y/useSemanticElements: see the table */}
      <span role="cell">{isNew === true && <Mark name="live" label={text.home.arrived} />}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: see the table */}
      <span className="cut" role="cell">
        <Link className="tag rt" href={href} title={quiet + strong}>
          <span>{quiet}</span>
          <span>{strong}</span>
        </Link>
      </span>
      {/* biome-ignore lint/a11y/useSemanticElements: see the table */}
      <span className="q3 cut end" role="cell" title={endTitle}>
        {end}
      </span>
    </div>
  );
}
