import { z } from "zod";
import { defineEndpoint, type Endpoint, nothing } from "../access/endpoint.ts";
import { ofPlace, type Place, placeInProject, placeInRegistry } from "../access/place.ts";
import { cidrs, description, pageInput, pageOf, pageOutput } from "../access/schema.ts";
import { listPrincipals } from "../auth/principal-store.ts";
import {
  newSecretOutput,
  robotDetailsOutput,
  robotGrants,
  robotOutput,
  robotRole,
  robotView,
} from "./robot-schemas.ts";
import {
  createRobot,
  deleteRobot,
  detailsOf,
  findHome,
  findRobot,
  revokeSecret,
  rotateRobot,
  updateRobot,
} from "./robots.ts";
import { expiresInDays, expiryDaysDefault, id, reuseName, robotShortName } from "./schemas.ts";

const inRegistry = placeInRegistry("robots");

const robotPath = {
  robot: z.string().max(200).describe("Its short name, or what it signs in with."),
};

export const robotEndpoints: readonly Endpoint[] = [inRegistry, placeInProject("robots")].flatMap(
  (place) => [...endpointsOfRobots(place), ...endpointsOfOne(place), ...endpointsOfSecrets(place)],
);

function endpointsOfRobots({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "GET",
      path,
      command: "robot list",
      summary: `Lists the robots ${of}${path === inRegistry.path ? " and of every project" : ""}.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...pageInput }),
      output: pageOutput(robotOutput),
      async handler({ db }, { project: name, limit, after }) {
        const home = await findHome(db.reads, name ?? null);
        const rows = await listPrincipals(db.reads, {
          kind: "robot",
          ...(home === null ? {} : { projectId: home.id }),
          after,
          limit: limit + 1,
        });
        return pageOf(rows, limit, (row) => row.name, robotView);
      },
    }),

    defineEndpoint({
      method: "POST",
      path,
      command: "robot create",
      summary: `Makes a robot ${of}; its secret is shown once.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        name: robotShortName,
        description: description.default(""),
        role: robotRole,
        grants: robotGrants,
        cidrs: cidrs.default([]),
        expires_in_days: expiresInDays.default(expiryDaysDefault),
        reuse_name: reuseName,
      }),
      output: robotDetailsOutput.extend({
        secret: z.string().describe("The secret itself, which nobody can ask for again."),
      }),
      status: 201,
      shownOnce: "secret",
      async handler(deps, given, call) {
        const { project: name, expires_in_days: days, reuse_name: reuse, ...rest } = given;
        const robot = { ...rest, expiresInDays: days, reuseName: reuse };
        return await createRobot(deps, call, name ?? null, robot);
      },
    }),
  ];
}

function endpointsOfOne({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "GET",
      path: `${path}/{robot}`,
      command: "robot show",
      summary: `Shows a robot ${of}, its secrets (not what they are) and what it may do.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...robotPath }),
      output: robotDetailsOutput,
      version: ({ version }) => version,
      async handler({ db }, { project: name, robot }) {
        const home = await findHome(db.reads, name ?? null);
        return await detailsOf(db.reads, await findRobot(db.reads, home, robot));
      },
    }),

    defineEndpoint({
      method: "PATCH",
      path: `${path}/{robot}`,
      command: "robot update",
      summary: `Changes, disables or prolongs a robot ${of}.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        ...robotPath,
        description: description.optional(),
        disabled: z.boolean().optional().describe("None of its secrets signs in meanwhile."),
        cidrs: cidrs.optional(),
        expires_in_days: expiresInDays.optional(),
      }),
      output: robotDetailsOutput,
      version: ({ version }) => version,
      async handler(deps, { project: name, robot, expires_in_days: days, ...changes }, call) {
        const asked = { project: name ?? null, robot };
        return await updateRobot(deps, call, asked, { ...changes, expiresInDays: days });
      },
    }),

    defineEndpoint({
      method: "DELETE",
      path: `${path}/{robot}`,
      command: "robot delete",
      summary: `Deletes a robot ${of} with its secrets and what it might do.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...robotPath }),
      output: nothing,
      status: 204,
      async handler(deps, { project: name, robot }, call) {
        return await deleteRobot(deps, call, { project: name ?? null, robot });
      },
    }),
  ];
}

function endpointsOfSecrets({ path, action, input, of }: Place): Endpoint[] {
  return [
    defineEndpoint({
      method: "POST",
      path: `${path}/{robot}/secrets`,
      command: "robot rotate",
      summary: `Gives a robot ${of} a second secret, shown once: revoke the first when nothing uses it.`,
      action,
      resource: ofPlace,
      input: z.strictObject({
        ...input,
        ...robotPath,
        expires_in_days: expiresInDays.optional().describe("Days from now until the robot ends."),
      }),
      output: newSecretOutput,
      status: 201,
      shownOnce: "secret",
      async handler(deps, { project: name, robot, expires_in_days: days }, call) {
        return await rotateRobot(deps, call, { project: name ?? null, robot, expiresInDays: days });
      },
    }),

    defineEndpoint({
      method: "DELETE",
      path: `${path}/{robot}/secrets/{id}`,
      command: "robot revoke",
      summary: `Ends a secret of a robot ${of} at once.`,
      action,
      resource: ofPlace,
      input: z.strictObject({ ...input, ...robotPath, id }),
      output: nothing,
      status: 204,
      async handler(deps, { project: name, robot, id: secretId }, call) {
        return await revokeSecret(deps, call, { project: name ?? null, robot, id: secretId });
      },
    }),
  ];
}
