import type { FormEvent } from "react";
import { type Choice, Field, fieldOf, Select } from "../parts/field.tsx";
import { exactTime } from "../parts/format.ts";
import type { MoreList } from "../state/list.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";

/** What is asked of a record, as the address has it. */
export function useAsked<Name extends string>(
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const { search } = usePlace();
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = search.get(name) ?? "";
      return value === "" ? [] : [[name, value]];
    }),
  ) as Partial<Record<Name, string>>;
}

/** How far back a search through a long record went by itself, and what goes on with it. */
export function LookFurther({ list }: { list: MoreList<unknown> }) {
  if (!list.isStopped) return null;
  const time = list.value?.looked_back_to ?? null;
  return (
    <p className="none row" role="status">
      {adminText.audit.lookedBackTo(time === null ? "" : exactTime(time))}
      <button
        type="button"
        className="btn"
        data-action="look-further"
        // It keeps the focus.
        aria-disabled={list.more === undefined}
        onClick={list.more}
      >
        {adminText.audit.lookFurther}
      </button>
    </p>
  );
}

/** Fields that the server looks by, since the record is long, and all of it as a file. */
export function Ask<Name extends string>({
  record,
  asked,
  fields,
  choices,
  exported,
}: {
  /** Of `data-action`. */
  record: "audit" | "pulls";
  asked: Readonly<Partial<Record<Name, string>>>;
  fields: Readonly<Record<Name, { readonly label: string; readonly example: string }>>;
  /** For fields that take one of these. */
  choices?: Readonly<Partial<Record<Name, readonly Choice[]>>>;
  exported: { readonly label: string; readonly href: string; readonly file: string };
}) {
  const names = Object.keys(fields) as Name[];
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setSearch(Object.fromEntries(names.map((name) => [name, fieldOf(given, name)])));
  };
  return (
    <form className="ask" onSubmit={apply} key={JSON.stringify(asked)}>
      {names.map((name) => {
        const { label, example } = fields[name];
        const field = { label, name };
        const value = asked[name] ?? "";
        const some = choices?.[name];
        return some === undefined ? (
          <Field key={name} {...field} isCode placeholder={example} defaultValue={value} />
        ) : (
          <Select key={name} {...field} choices={some} value={value} />
        );
      })}
      <button type="submit" className="btn" data-action={`filter-${record}`}>
        {adminText.audit.show}
      </button>
      {Object.keys(asked).length > 0 && (
        <button
          type="button"
          className="btn quiet"
          data-action={`clear-${record}-filter`}
          onClick={() => setSearch(Object.fromEntries(names.map((name) => [name, null])))}
        >
          {text.filter.clear}
        </button>
      )}
      <span className="grow" />
      <a
        className="btn quiet"
        href={exported.href}
        download={exported.file}
        data-action={`export-${record}`}
      >
        {exported.label}
      </a>
    </form>
  );
}
