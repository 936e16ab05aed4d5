import { useState } from "react";
import { Code } from "../parts/copy.tsx";
import { host } from "../state/session.ts";
import { peopleText } from "../text/people.ts";
import { type SnippetPlace, snippetLines, snippetPlaces } from "./snippet-lines.ts";

/** Lines for this very account, to be pasted where it signs in. */
export function Snippets({ user }: { user: string }) {
  const [where, setWhere] = useState<SnippetPlace>("docker");
  const lines = snippetLines(where, user, host);
  return (
    <>
      <div className="tabs as-buttons" role="tablist" aria-label={peopleText.snippets.label}>
        {snippetPlaces.map((place) => (
          <button
            key={place}
            type="button"
            role="tab"
            id={`snippet-${place}`}
            aria-selected={place === where}
            data-action={`snippet-${place}`}
            onClick={() => setWhere(place)}
          >
            {peopleText.snippets.where[place]}
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-labelledby={`snippet-${where}`} className="snippet">
        <p className="q2">
          {lines === null
            ? peopleText.snippets.notFromThere(host)
            : peopleText.snippets.lead[where]}
        </p>
        {lines !== null && <Code lines={lines} label={peopleText.snippets.where[where]} />}
      </div>
    </>
  );
}
