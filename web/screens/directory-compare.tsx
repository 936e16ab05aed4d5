import { useState } from "react";
import { postProvidersSyncOfProvider } from "../../client/operations.ts";
import { Consequence, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { text } from "../text/text.ts";
import type { Provider } from "./directory-form.tsx";

/** Who would be disabled, enabled and regrouped, before it is done. */
export function CompareDirectory({
  provider: { name, title },
  onClose,
}: {
  provider: Provider;
  onClose: () => void;
}) {
  // Of this opening alone: what was found an hour ago may be otherwise.
  const [opening] = useState(() => performance.now());
  const preview = useResource(
    `compared ${name} ${opening}`,
    () => postProvidersSyncOfProvider({ provider: name, preview: true }),
    true,
  );
  return (
    <FormDialog
      title={text.directories.compareTitle(title)}
      lead={text.directories.compareLead}
      action="confirm-compare-directory"
      submit={text.directories.compareNow}
      isOff={preview.value === undefined}
      onClose={onClose}
      onSubmit={async () => {
        const { people } = await postProvidersSyncOfProvider({ provider: name });
        onClose();
        toast(text.directories.isCompared(people));
        await changed("providers", "users");
      }}
    >
      <Loaded of={preview} waits={<p className="none">{text.directories.comparing}</p>}>
        {({ people, left, kept, returned, regrouped }) => (
          <dl>
            <Consequence name={text.directories.people}>{text.number(people)}</Consequence>
            <Who name={text.directories.left} names={left.filter((each) => !kept.includes(each))} />
            <Who name={text.directories.kept} names={kept} />
            <Who name={text.directories.returned} names={returned} />
            <Who name={text.directories.regrouped} names={regrouped} />
            {left.length + returned.length + regrouped.length === 0 && (
              <Consequence name={text.directories.changes}>{text.none}</Consequence>
            )}
          </dl>
        )}
      </Loaded>
    </FormDialog>
  );
}

function Who({ name, names }: { name: string; names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <Consequence name={name}>
      <Names items={names.map((each) => ({ key: each, name: each }))} />
    </Consequence>
  );
}
