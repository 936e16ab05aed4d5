import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";
import Webhooks from "./webhooks.tsx";

/** Addresses that are told of what happens in all projects, and to the registry itself. */
export function RegistryWebhooks() {
  return (
    <>
      <AdminPlace tab="webhooks" sub={text.webhooks.ofAll} />
      <div className="apart">
        <Webhooks project={null} />
      </div>
    </>
  );
}
