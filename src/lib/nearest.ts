/** The candidate that needs the fewest edits to become `name`; null where every one is more than a third away. */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  const wanted = name.toLowerCase();
  let best: string | null = null;
  let bestEdits = Math.max(2, Math.ceil(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    // Of a section (`log`, `config`) the first member is meant.
    const isSection = candidate.startsWith(`${wanted}.`) || candidate.startsWith(`${wanted} `);
    if (!isSection && Math.abs(candidate.length - wanted.length) >= bestEdits) continue;
    const edits = isSection ? 0 : editsBetween(wanted, candidate);
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** Levenshtein distance, ignoring case. */
function editsBetween(left: string, right: string): number {
  const b = right.toLowerCase();
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === b[column - 1] ? 0 : 1);
      const shorter = Math.min(previous[column] ?? 0, current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, shorter));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
