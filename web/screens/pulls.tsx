import { getRepositoriesPullsOfRepository } from "../../client/operations.ts";
import { ListTable } from "../parts/loaded.tsx";
import { Notice } from "../parts/notice.tsx";
import { When } from "../parts/signs.tsx";
import type { Column } from "../parts/table.tsx";
import { useList } from "../state/list.ts";
import { statusOf } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";

type Pull = Awaited<ReturnType<typeof getRepositoriesPullsOfRepository>>["items"][number];

/** Who pulled an image lately: for who manages the project. */
export function Pulls({ repository, digest }: { repository: string; digest: string }) {
  const list = useList(`pulls ${repository} ${digest}`, (page) =>
    getRepositoriesPullsOfRepository({ repository, digest, ...page }),
  );
  if (statusOf(list.error) === 403) {
    return (
      <div className="apart">
        <Notice kind="warn" what={imagesText.pulls.mayNot} more={imagesText.pulls.mayNotWhy} />
      </div>
    );
  }
  return (
    <div className="apart">
      <ListTable
        list={list}
        className="pulls"
        label={imagesText.image.activity}
        columns={columns}
        rows={list.value?.items.map((pull, index) => ({ ...pull, index }))}
        keyOf={({ index }) => `${index}`}
        none={<p className="none">{imagesText.pulls.none}</p>}
      />
    </div>
  );
}

const columns: readonly Column<Pull & { readonly index: number }>[] = [
  { key: "at", head: text.when, cell: ({ at }) => <When time={at} /> },
  {
    key: "who",
    head: imagesText.pulls.who,
    className: "cut",
    cell: ({ principal }) => principal ?? text.nobody,
  },
  {
    key: "as",
    head: imagesText.pulls.as,
    className: "cut q-p mono",
    cell: ({ tag, platform }) => [tag, platform].filter((part) => part !== null).join(", "),
  },
  {
    key: "from",
    head: imagesText.pulls.from,
    className: "cut q-l mono",
    cell: ({ address }) => address,
  },
  {
    key: "client",
    head: imagesText.pulls.client,
    className: "cut q-u q3",
    cell: ({ user_agent }) => user_agent,
  },
];
