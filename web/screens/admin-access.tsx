import { getRoles } from "../../client/operations.ts";
import { useList } from "../state/list.ts";
import { adminText } from "../text/admin.ts";
import { AdminPlace } from "./admin-place.tsx";
import { Grants } from "./grants.tsx";
import { RateLimits } from "./rate-limits.tsx";
import { Roles } from "./roles.tsx";

/** What roles there are, who may do something in every project, and how much. */
export function Access() {
  const roles = useList("roles", (page) => getRoles(page));
  return (
    <>
      <AdminPlace tab="access" sub={adminText.roles.what} />
      <Roles list={roles} />
      <Grants project={null} roles={(roles.value?.items ?? []).map(({ name }) => name)} />
      <RateLimits />
    </>
  );
}
