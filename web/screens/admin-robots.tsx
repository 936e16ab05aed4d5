import { peopleText } from "../text/people.ts";
import { AdminPlace } from "./admin-place.tsx";
import { Robots } from "./robots.tsx";

/** Robots that belong to no project, and may work in several. */
export function RegistryRobots() {
  return (
    <>
      <AdminPlace tab="robots" sub={peopleText.robots.ofAll} />
      <div className="apart">
        <Robots project={null} />
      </div>
    </>
  );
}
