import { type PointerEvent, useLayoutEffect, useRef, useState } from "react";
import { getUsageHistory } from "../../client/operations.ts";
import { dayText, sizeText } from "../parts/format.ts";
import { Loaded } from "../parts/loaded.tsx";
import { Section } from "../parts/place.tsx";
import { Size } from "../parts/signs.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { type MoreList, useList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { dayNumber, runsOf, scaleOf, withNow } from "./growth-scale.ts";

export type Day = Awaited<ReturnType<typeof getUsageHistory>>["items"][number];

const spans = [30, 90, 400] as const;
const height = 176;
/** For what stands at the end of the lines. */
const gutter = 64;

/** How much was stored on each day, and is now: a chart, or the same as a table. */
export function Growth({ now }: { now: Omit<Day, "day" | "measured_at"> }) {
  const list: MoreList<Day> = useList("usage-history", (page) => getUsageHistory(page));
  const { search } = usePlace();
  const asked = Number(search.get("days"));
  const span = spans.find((each) => each === asked) ?? 90;
  const isTable = search.get("growth") === "table";
  return (
    <Section
      title={adminText.growth.title}
      aside={
        <span className="row wrap">
          {/* biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form */}
          <span className="seg" role="group" aria-label={adminText.growth.span}>
            {spans.map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={each === span}
                data-action="growth-days"
                onClick={() => setSearch({ days: each === 90 ? null : String(each) })}
              >
                {text.days(each)}
              </button>
            ))}
          </span>
          <button
            type="button"
            className="btn s"
            data-action="growth-table"
            onClick={() => setSearch({ growth: isTable ? null : "table" })}
          >
            {isTable ? adminText.growth.asChart : adminText.growth.asTable}
          </button>
        </span>
      }
    >
      <Loaded of={list} waits={<p className="none">{adminText.growth.waits}</p>}>
        {({ items }) => <Shown days={daysOf(withNow(items, now), span)} isTable={isTable} />}
      </Loaded>
    </Section>
  );
}

/** The first one first. */
function daysOf(days: readonly Day[], span: number): readonly Day[] {
  const from = dayNumber(days[0]?.day ?? "") - span;
  return days.filter(({ day }) => dayNumber(day) > from).toReversed();
}

function Shown({ days, isTable }: { days: readonly Day[]; isTable: boolean }) {
  if (isTable) {
    return (
      <Table
        className="grow-t"
        label={adminText.growth.title}
        columns={columns}
        rows={days.toReversed()}
        keyOf={({ day }) => day}
      />
    );
  }
  const [only, ...others] = days;
  if (only !== undefined && others.length === 0) {
    return (
      <p className="none">
        {adminText.growth.oneDay} {valuesOf(only)}
      </p>
    );
  }
  return <Chart days={days} />;
}

function valuesOf({ stored_bytes, trash_bytes, logical_bytes, blobs }: Day): string {
  return adminText.growth.values(
    ...([sizeText(stored_bytes), sizeText(trash_bytes), sizeText(logical_bytes), blobs] as const),
  );
}

function Chart({ days }: { days: readonly Day[] }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box) - gutter;
  const [pointed, setPointed] = useState<number | null>(null);
  const at = Math.min(pointed ?? days.length - 1, days.length - 1);
  const [first, last, shown] = [days[0], days.at(-1), days[at]] as [Day, Day, Day];
  const from = dayNumber(first.day);
  const x = ({ day }: Day) =>
    Math.round((10 * width * (dayNumber(day) - from)) / (dayNumber(last.day) - from)) / 10;
  const scale = scaleOf(Math.max(...days.map(({ stored_bytes }) => stored_bytes)));
  const y = (bytes: number) => Math.round(10 * height * (1 - bytes / scale.top)) / 10;
  const runs = runsOf(days);
  const point = (event: PointerEvent<HTMLElement>) => {
    const left = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const nearest = days.reduce(
      (best, day, index) =>
        Math.abs(x(day) - left) < Math.abs(x(days[best] as Day) - left) ? index : best,
      0,
    );
    setPointed(nearest);
  };
  return (
    <>
      <p className="legend grow-l">
        <span>
          <span className="sw three" />
          {adminText.storage.stored}
        </span>
        <span>
          <span className="sw hat" />
          {adminText.growth.ofTrash}
        </span>
        <span className="grow" />
        <span className="q2">
          <b>{dayText(shown.day)}</b> {valuesOf(shown)}
        </span>
      </p>
      <div
        className="chart"
        ref={box}
        onPointerDown={point}
        onPointerMove={point}
        onPointerLeave={() => setPointed(null)}
      >
        {width > 0 && (
          <svg
            width={width + gutter}
            height={height + 32}
            viewBox={`0 -10 ${width + gutter} ${height + 32}`}
            role="img"
            aria-label={adminText.growth.sentence(
              ...([dayText(first.day), dayText(last.day)] as const),
              ...([sizeText(first.stored_bytes), sizeText(last.stored_bytes)] as const),
            )}
          >
            <defs>
              <pattern
                id="grow-hatch"
                width="5"
                height="5"
                patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)"
              >
                <path className="c-hatch" d="M0 0v5" />
              </pattern>
            </defs>
            {scale.steps.map(({ bytes, label }) => (
              <g key={bytes}>
                <path className="c-grid" d={`M0 ${y(bytes)}h${width}`} />
                <text x={width + 8} y={y(bytes) + 4}>
                  {label}
                </text>
              </g>
            ))}
            {runs.map((run) => {
              const kept = run.map(
                (day) => [x(day), y(day.stored_bytes - day.trash_bytes)] as const,
              );
              const all = run.map((day) => [x(day), y(day.stored_bytes)] as const);
              const [begin, end] = [all[0]?.[0] ?? 0, all.at(-1)?.[0] ?? 0];
              return (
                <g key={begin}>
                  <path
                    className="c-area"
                    d={`${line(kept)}L${end} ${height}L${begin} ${height}z`}
                  />
                  <path
                    fill="url(#grow-hatch)"
                    d={`${line(all)}${line(kept.toReversed()).replace("M", "L")}z`}
                  />
                  <path className="c-all" d={line(all)} />
                  <path className="c-line" d={line(kept)} />
                  {run.length === 1 && (
                    <path className="c-line" d={`M${begin} ${kept[0]?.[1] ?? 0}V${height}`} />
                  )}
                </g>
              );
            })}
            <path className="c-base" d={`M0 ${height + 0.5}h${width}`} />
            {ticksOf(days, width).map(([day, anchor]) => (
              <text key={day.day} x={x(day)} y={height + 17} textAnchor={anchor}>
                {dayText(day.day, "short")}
              </text>
            ))}
            <path className="c-at" d={`M${x(shown)} 0V${height}`} />
            <circle className="c-dot" cx={x(shown)} cy={y(shown.stored_bytes)} r="3.5" />
          </svg>
        )}
        <input
          type="range"
          min={0}
          max={days.length - 1}
          value={at}
          aria-label={adminText.growth.day}
          aria-valuetext={`${dayText(shown.day)}: ${valuesOf(shown)}`}
          data-action="growth-day"
          onChange={(event) => setPointed(Number(event.currentTarget.value))}
        />
      </div>
    </>
  );
}

function line(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
}

/** First and last, and between them as many as have room. */
function ticksOf(
  days: readonly Day[],
  width: number,
): readonly (readonly [Day, "start" | "middle" | "end"])[] {
  const between = width < 420 ? 1 : 3;
  const [first, last] = [days[0], days.at(-1)] as [Day, Day];
  const middle =
    days.length < between + 2
      ? []
      : Array.from({ length: between }, (_none, index) => {
          const at = Math.round(((days.length - 1) * (index + 1)) / (between + 1));
          return [days[at] as Day, "middle"] as const;
        });
  return [[first, "start"], ...middle, [last, "end"]];
}

/** 0 until it is known. */
function useWidth(of: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = of.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return width;
}

const sized = (head: string) => (
  <span className="num">
    {head}
    <i />
  </span>
);

const columns: readonly Column<Day>[] = [
  { key: "day", head: adminText.growth.day, cell: ({ day }) => dayText(day) },
  {
    key: "stored",
    head: sized(adminText.storage.stored),
    className: "r",
    cell: ({ stored_bytes }) => <Size bytes={stored_bytes} />,
  },
  {
    key: "trash",
    head: sized(text.storage.trash),
    className: "r",
    cell: ({ trash_bytes }) => <Size bytes={trash_bytes} />,
  },
  {
    key: "logical",
    head: sized(adminText.storage.logical),
    className: "r q-p",
    cell: ({ logical_bytes }) => <Size bytes={logical_bytes} />,
  },
  {
    key: "blobs",
    head: adminText.growth.blobs,
    className: "r q-p",
    cell: ({ blobs }) => text.number(blobs),
  },
];
