import { type Cell, cells, run, tool } from "./support.ts";

/** What every client is asked for, where it has a command for it. */
const columns = [
  "push",
  "pull",
  "multi-arch",
  "copy",
  "mount",
  "list",
  "past",
  "delete",
  "referrers",
] as const;

/** Cells that a complete run may leave out. */
export const notRunMax = 3;

export function notRun(): readonly Cell[] {
  return cells.filter(({ outcome }) => outcome.startsWith("not run"));
}

/** Client by operation; what has no column of its own follows, then why cells were not run. */
export async function matrix(): Promise<string> {
  const clients = [...new Set(cells.map(({ client }) => client))];
  const rows = clients.map((client) => [
    client,
    ...columns.map((column) => short(client, column)),
    others(client),
  ]);
  const table = [["client", ...columns, "also"], ...rows];
  const widths = table[0]?.map((_, index) =>
    Math.max(...table.map((row) => row[index]?.length ?? 0)),
  );
  const lines = table.map((row) =>
    row
      .map((text, index) => text.padEnd(widths?.[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const legend = "- : the client has no command for it";
  return [...lines, legend, ...reasons(), `versions: ${await versions()}`].join("\n");
}

/** Why cells were not run, those of one client with the same reason in one line. */
function reasons(): string[] {
  const grouped = new Map<string, string[]>();
  for (const { client, operation, outcome } of notRun()) {
    const key = `${client}\0${outcome}`;
    grouped.set(key, [...(grouped.get(key) ?? []), operation]);
  }
  return [...grouped].map(([key, operations]) => {
    const [client, outcome] = key.split("\0");
    return `${client} (${operations.join(", ")}): ${outcome}`;
  });
}

function short(client: string, operation: string): string {
  const found = cells.find((entry) => entry.client === client && entry.operation === operation);
  return found === undefined ? "-" : word(found);
}

function others(client: string): string {
  return cells
    .filter((entry) => entry.client === client && !columns.some((c) => c === entry.operation))
    .map((entry) => `${entry.operation}: ${word(entry)}`)
    .join(", ");
}

function word({ outcome, seconds }: Cell): string {
  if (outcome.startsWith("not run")) return "not run";
  if (outcome === "not selected") return "";
  return outcome === "ok" ? `ok ${seconds.toFixed(1)}s` : outcome;
}

async function versions(): Promise<string> {
  const asked: readonly (readonly string[])[] = [
    ["docker", "--version"],
    ["dockerd", "--version"],
    ["containerd", "--version"],
    ["podman", "--version"],
    ["skopeo", "--version"],
    ["buildah", "--version"],
    ["nginx", "-v"],
  ];
  const found = await Promise.all(
    asked
      .filter(([name = ""]) => tool(name) !== null)
      .map(async (argv) => {
        const { stdout, stderr } = await run(argv);
        return (stdout || stderr).trim();
      }),
  );
  return found.join("; ");
}
