import { CheckAccess } from "./check-access.tsx";
import { Members } from "./members.tsx";
import type { Project } from "./project.tsx";
import { ProjectSettings } from "./project-settings.tsx";
import { Robots } from "./robots.tsx";
import { TagRules } from "./tag-rules.tsx";
import Webhooks from "./webhooks.tsx";

/** What only who manages a project sees of it. */
export default function ManagedTab({ project, tab }: { project: Project; tab: string }) {
  switch (tab) {
    case "members":
      return <Members project={project.name} />;
    case "robots":
      return <Robots project={project.name} />;
    case "check":
      return <CheckAccess project={project.name} />;
    case "webhooks":
      return <Webhooks project={project.name} />;
    case "rules":
      return <TagRules project={project.name} />;
    case "settings":
      return <ProjectSettings project={project} />;
    default:
      return null;
  }
}
