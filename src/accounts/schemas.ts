import { z } from "zod";
import { parsed } from "../access/schema.ts";
import { parseRobotShortName, parseUserName } from "./account-name.ts";

export const dayMs = 24 * 60 * 60 * 1000;
/** How long a token or robot lasts unless somebody says otherwise, and the most that is not an administrator's to give. */
export const expiryDaysDefault = 90;
export const expiryDaysMax = 366;
/** An administrator's limit: beyond it a date means nothing. */
const expiryDaysLimit = 36_500;

export const userName = parsed(parseUserName).describe("Name of a user.");
export const robotShortName = parsed(parseRobotShortName).describe(
  "Name of a robot, without the part that names its project.",
);

/** The bounds are those of `hashPassword`, which counts bytes. */
export const password = z.string().max(4096).describe("From 8 to 1,024 bytes.");
export const email = z.email().max(254).nullable().describe("Where to reach them.");
export const reuseName = z
  .boolean()
  .default(false)
  .describe("Give the name although somebody who was deleted had it.");
export const expiresInDays = z
  .number()
  .int()
  .min(1)
  .max(expiryDaysLimit)
  .nullable()
  .describe(
    `Days until it ends, ${expiryDaysMax} at most unless an administrator asks; null: never.`,
  );

export const id = z.string().max(64).describe("Its id.");
