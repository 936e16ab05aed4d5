import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";
import { type Operators, readTerms, type Term } from "../state/filter.ts";
import { setSearch, usePlace } from "../state/location.ts";
import { text } from "../text/text.ts";
import { Icon } from "./icon.tsx";

interface FilterState {
  readonly query: string;
  readonly terms: readonly Term[];
  readonly set: (query: string) => void;
}

/** What the filter holds is the URL. */
export function useFilter(): FilterState {
  const { search } = usePlace();
  const query = search.get("q") ?? "";
  return { query, terms: readTerms(query), set: (next) => setSearch({ q: next }) };
}

const suggestionsMax = 8;

interface Suggestion {
  readonly value: string;
  readonly what: string;
}

export function Filter<Row>({
  filter,
  operators,
  rows,
  example,
  count,
  children,
}: {
  filter: FilterState;
  operators: Operators<Row>;
  /** What values are suggested from. */
  rows: readonly Row[];
  example: string;
  count: ReactNode;
  /** Quiet buttons at the end. */
  children?: ReactNode;
}) {
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  // The last word is being typed; those before it became tokens.
  const split = filter.query.lastIndexOf(" ") + 1;
  const done = readTerms(filter.query.slice(0, split));
  const typing = filter.query.slice(split);
  // Beside tokens an empty field asks for nothing, and what was found stays in sight.
  const isAsked = isOpen && (typing !== "" || done.length === 0);
  const suggestions = isAsked ? suggest(typing, operators, rows) : [];

  const setTyping = (word: string) => {
    setChosen(-1);
    filter.set([...done.map((term) => term.text), word].join(" "));
  };
  const take = ({ value }: Suggestion) => {
    setTyping(value.endsWith(":") ? value : `${value} `);
    input.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const suggestion = suggestions[chosen];
    if (step !== undefined && suggestions.length > 0) {
      setChosen((chosen + step + suggestions.length) % suggestions.length);
    } else if (event.key === "Tab" && typing !== "" && suggestions.length > 0 && !event.shiftKey) {
      take(suggestions[Math.max(0, chosen)] as Suggestion);
    } else if (event.key === "Enter" && suggestion !== undefined) take(suggestion);
    else if (event.key === "Escape") {
      if (filter.query === "") input.current?.blur();
      else filter.set("");
    } else if (event.key === "Backspace" && typing === "" && done.length > 0) {
      // The last token is text again.
      filter.set(done.map((term) => term.text).join(" "));
    } else return;
    event.preventDefault();
  };
  return (
    <div className="tools">
      {/* biome-ignore lint/a11y/useSemanticElements: the element is too new for some browsers */}
      <div className="filter" role="search">
        <Icon name="search" small />
        {done.map((term, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the same word may stand there twice
          <span key={index} className={term.isNot ? "op not" : "op"}>
            {term.name === "" ? (
              term.text
            ) : (
              <>
                <b>
                  {term.isNot && "-"}
                  {term.name}:
                </b>
                {term.value}
              </>
            )}
          </span>
        ))}
        <input
          ref={input}
          className="typing"
          type="text"
          role="combobox"
          autoComplete="off"
          spellCheck={false}
          aria-label={text.filter.label}
          aria-expanded={suggestions.length > 0}
          aria-controls={suggestions.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined}
          placeholder={done.length === 0 ? text.filter.example(example) : ""}
          value={typing}
          data-action="filter"
          onChange={(event) => setTyping(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
        />
        {filter.query === "" ? (
          <kbd>/</kbd>
        ) : (
          <button
            type="button"
            className="ib"
            aria-label={text.filter.clear}
            data-action="clear-filter"
            onClick={() => filter.set("")}
          >
            <Icon name="close" small />
          </button>
        )}
        {suggestions.length > 0 && (
          <div className="menu sug">
            <p className="mh">{text.filter.narrow}</p>
            <div id={`${id}-list`} role="listbox" aria-label={text.filter.suggestions}>
              {suggestions.map((suggestion, index) => (
                // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field
                <div
                  key={suggestion.value}
                  id={`${id}-${index}`}
                  className={index === chosen ? "mi is-on" : "mi"}
                  role="option"
                  aria-selected={index === chosen}
                  data-action="filter-suggestion"
                  onPointerDown={(event) => {
                    event.preventDefault();
                    take(suggestion);
                  }}
                >
                  <code>{suggestion.value}</code>
                  <span className="q3 cut">{suggestion.what}</span>
                </div>
              ))}
            </div>
          </div>
        )}
      </div>
      <span className="count">{count}</span>
      <span className="grow" />
      {children}
    </div>
  );
}

/** Operators first; once one stands there, what the rows have for it. */
function suggest<Row>(
  typing: string,
  operators: Operators<Row>,
  rows: readonly Row[],
): Suggestion[] {
  const [, minus = "", name = "", colon = "", begun = ""] =
    /^(-?)([a-z]*)(:?)(.*)$/s.exec(typing) ?? [];
  if (colon === "") {
    return Object.keys(operators)
      .filter((each) => each.startsWith(name) && each !== "name")
      .map((each) => ({ value: `${minus}${each}:`, what: text.filter.operators[each] ?? "" }))
      .slice(0, suggestionsMax);
  }
  const operator = Object.hasOwn(operators, name) ? operators[name] : undefined;
  if (operator?.values !== true) return [];
  const counts = new Map<string, number>();
  for (const row of rows) {
    for (const value of operator.of?.(row) ?? []) {
      if (value !== "" && value.startsWith(begun)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, suggestionsMax)
    .map(([value, count]) => ({ value: `${minus}${name}:${value}`, what: text.number(count) }));
}

/** No row is left: what each operator matches alone, and a way to drop it. */
export function NoMatch<Row>({
  filter,
  countFor,
}: {
  filter: FilterState;
  countFor: (terms: readonly Term[]) => number;
  rows?: readonly Row[];
}) {
  const several = filter.terms.length > 1;
  return (
    <div className="none">
      <h2>{text.filter.noMatch(filter.terms.length)}</h2>
      <p>
        {several &&
          filter.terms.map((term) => (
            <span key={term.text}>
              <code>{term.text}</code> {text.filter.alone(countFor([term]))}{" "}
              <button
                type="button"
                className="btn lnk"
                data-action="filter-only"
                onClick={() => filter.set(term.text)}
              >
                {text.filter.only}
              </button>
              .{" "}
            </span>
          ))}
        <button
          type="button"
          className="btn lnk"
          data-action="clear-filter"
          onClick={() => filter.set("")}
        >
          {text.filter.clear}
        </button>
      </p>
    </div>
  );
}
