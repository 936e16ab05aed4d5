import { useState } from "react";
import { postProvidersSyncOfProvider } from "../../client/operations.ts";
import { Consequence, Names } from "../parts/consequences.tsx";
import { FormDialog } from "../parts/dialog.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
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
    "never",
  );
  return (
    <FormDialog
      title={adminText.directories.compareTitle(title)}
      lead={adminText.directories.compareLead}
      action="confirm-compare-directory"
      submit={adminText.directories.compareNow}
      isOff={preview.value === undefined}
      onClose={onClose}
      onSubmit={async () => {
        const { people } = await postProvidersSyncOfProvider({ provider: name });
        onClose();
        toast(adminText.directories.isCompared(people));
        await changed("providers", "users");
      }}
    >
      <Loaded of={preview} waits={<p className="none">{adminText.directories.comparing}</p>}>
        {({ people, left, kept, returned, regrouped, unclear }) => (
          <dl>
            <Consequence name={adminText.directories.people}>{text.number(people)}</Consequence>
            <Who
              name={adminText.directories.left}
              names={left.filter((each) => !kept.includes(each))}
            />
            <Who name={adminText.directories.kept} names={kept} />
            <Who name={adminText.directories.returned} names={returned} />
            <Who name={adminText.directories.regrouped} names={regrouped} />
            <Who name={adminText.directories.unclear} names={unclear} />
            {left.length + returned.length + regrouped.length === 0 && (
              <Consequence name={adminText.directories.changes}>{text.none}</Consequence>
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
