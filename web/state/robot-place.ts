import {
  deleteProjectsRobotsOfProjectRobot,
  deleteRobotsOfRobot,
  getProjectsRobotsOfProject,
  getProjectsRobotsOfProjectRobot,
  getRobots,
  getRobotsOfRobot,
  patchProjectsRobotsOfProjectRobot,
  patchRobotsOfRobot,
  postProjectsRobotsOfProject,
  postProjectsRobotsSecretsOfProjectRobot,
  postRobots,
  postRobotsSecretsOfRobot,
} from "../../client/operations.ts";

type Call<Operation> = Operation extends (...asked: infer Asked) => infer Answer
  ? (...asked: Asked) => Answer
  : Operation;

/** The same is asked for of a project's robots, and (null) of those of the registry. */
export function robotsIn(project: string | null): {
  readonly [Name in keyof typeof ofRegistry]: Call<(typeof ofRegistry)[Name]>;
} {
  if (project === null) return ofRegistry;
  const inIt = { project };
  return {
    key: `robots ${project}`,
    list: (input) => getProjectsRobotsOfProject({ ...inIt, ...input }),
    make: (input) => postProjectsRobotsOfProject({ ...inIt, ...input }),
    show: (input) => getProjectsRobotsOfProjectRobot({ ...inIt, ...input }),
    change: (input) => patchProjectsRobotsOfProjectRobot({ ...inIt, ...input }),
    remove: (input) => deleteProjectsRobotsOfProjectRobot({ ...inIt, ...input }),
    rotate: (input) => postProjectsRobotsSecretsOfProjectRobot({ ...inIt, ...input }),
  };
}

const ofRegistry = {
  /** Begins the names of what is read. */
  key: "robots of the registry",
  /** Those of projects are on the pages of these. */
  async list(input: Parameters<typeof getRobots>[0]): ReturnType<typeof getRobots> {
    const page = await getRobots(input);
    return { ...page, items: page.items.filter((robot) => robot.project === null) };
  },
  make: postRobots,
  show: getRobotsOfRobot,
  change: patchRobotsOfRobot,
  remove: deleteRobotsOfRobot,
  rotate: postRobotsSecretsOfRobot,
};

export type Robot = Awaited<ReturnType<typeof getRobots>>["items"][number];
