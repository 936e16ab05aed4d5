import { useState } from "react";
import { Link } from "../app/link.tsx";
import { sizeText } from "../parts/format.ts";
import { Section } from "../parts/place.tsx";
import { Size } from "../parts/signs.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { paths } from "../state/location.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";

interface Row {
  readonly key: string;
  /** Null for a line that made no layer. */
  readonly number: number | null;
  readonly digest: string | null;
  readonly size: number;
  readonly verb: string;
  readonly line: string;
  /** In the bar. */
  readonly label: string;
}

/** The layers from the bottom up, each with the line of the build that made it. */
export function ImageLayers({ image }: { image: Image }) {
  const rows = rowsOf(image);
  const total = rows.reduce((sum, { size }) => sum + size, 0);
  const [pointed, setPointed] = useState<string | null>(null);
  if (rows.length === 0) return <p className="none">{imagesText.image.noLayers}</p>;
  const layers = rows.filter(({ digest }) => digest !== null);
  const columns: readonly Column<Row>[] = [
    { key: "n", head: "#", className: "r q3 lx", cell: ({ number }) => number },
    {
      key: "line",
      head: imagesText.image.buildLine,
      className: "cut li",
      cell: ({ verb, line }) => (
        <span title={`${verb} ${line}`.trim()} className={isStated(line) ? undefined : "q3"}>
          {verb !== "" && <b>{verb}</b>} {line}
        </span>
      ),
    },
    {
      key: "share",
      head: imagesText.image.share,
      className: "lb",
      cell: ({ size, digest }) =>
        digest !== null && (
          <span className="bar">
            <span style={{ width: `${total === 0 ? 0 : (100 * size) / total}%` }} />
          </span>
        ),
    },
    {
      key: "size",
      head: (
        <span className="num">
          {imagesText.image.compressed}
          <i />
        </span>
      ),
      className: "r ls",
      cell: ({ size, digest }) =>
        digest === null ? (
          <span className="q3">{imagesText.image.noData}</span>
        ) : (
          <Size bytes={size} />
        ),
    },
  ];
  return (
    <>
      <figure className="plan">
        <div
          className="pl"
          role="img"
          aria-label={imagesText.image.plan(sizeText(total), layers.length)}
        >
          {layers.map(({ key, size, label }) => (
            <span
              key={key}
              className={pointed === key ? "own on" : "own"}
              style={{ flexGrow: Math.max(size, total / 500) }}
              onPointerEnter={() => setPointed(key)}
              onPointerLeave={() => setPointed(null)}
            >
              <em>{label}</em>
            </span>
          ))}
        </div>
        <figcaption>{imagesText.image.plan(sizeText(total), layers.length)}</figcaption>
      </figure>
      <Table
        className="layers"
        label={imagesText.image.layers}
        columns={columns}
        rows={rows}
        keyOf={({ key }) => key}
        classOf={({ digest, key }) =>
          `lr${digest === null ? " gone" : ""}${pointed === key ? " is-hover" : ""}`
        }
      />
      {image.shared_with.length > 0 && (
        <Section title={imagesText.image.sharedWith} aside={text.number(image.shared_with.length)}>
          <ul className="shares">
            {image.shared_with.map(({ repository, layers: count, size }) => (
              <li key={repository}>
                <Link className="mono" href={paths.repository(repository)}>
                  {repository}
                </Link>
                <span className="q3">{imagesText.image.layerCount(count)}</span>
                <Size bytes={size} />
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function rowsOf({ layers }: Image): Row[] {
  let number = 0;
  return layers.map(({ digest, size, created_by }, index) => {
    if (digest !== null) number += 1;
    const { verb, line } = wordsOf(created_by ?? "");
    return {
      key: `${index}`,
      ...{ digest, size, verb, line, label: labelOf(verb, line) },
      number: digest === null ? null : number,
    };
  });
}

function isStated(line: string): boolean {
  return line !== imagesText.image.noLine;
}

/** The first word of what the line does; some builders have lines that are comments. */
function labelOf(verb: string, line: string): string {
  if (!isStated(line)) return line;
  return line.replace(/^#\s*/, "").split(" ")[0]?.slice(0, 24) || verb;
}

/** What made a layer, in one line. */
export function buildLine(createdBy: string | null): string {
  const { verb, line } = wordsOf(createdBy ?? "");
  return `${verb} ${line}`.trim();
}

/** `/bin/sh -c #(nop)  CMD ["sh"]` as people wrote it: `CMD ["sh"]`. */
function wordsOf(createdBy: string): { verb: string; line: string } {
  const line = createdBy.replace(/ # buildkit$/, "").trim();
  const nop = /^\/bin\/sh -c #\(nop\)\s*([A-Z]+)\s*(.*)$/s.exec(line);
  if (nop !== null) return { verb: nop[1] ?? "", line: nop[2] ?? "" };
  const shell = /^(?:RUN )?(?:\|\d+ .*?)?\/bin\/sh -c (.*)$/s.exec(line);
  if (shell !== null) return { verb: "RUN", line: shell[1] ?? "" };
  const [, verb = "", rest = line] = /^([A-Z]+)\s+(.*)$/s.exec(line) ?? [];
  return { verb, line: rest === "" ? imagesText.image.noLine : rest };
}
