import { peopleText } from "../text/people.ts";
import { AdminPlace } from "./admin-place.tsx";
import Webhooks from "./webhooks.tsx";

/** Addresses that are told of what happens in all projects, and to the registry itself. */
export function RegistryWebhooks() {
  return (
    <>
      <AdminPlace tab="webhooks" sub={peopleText.webhooks.ofAll} />
      <div className="apart">
        <Webhooks project={null} />
      </div>
    </>
  );
}
