import { z } from "zod";
import { visibilities } from "../access/visibility.ts";
import { UsageError } from "./command.ts";
import { readNamedFile } from "./read-text.ts";

const fileBytesMax = 4 * 1024 * 1024;

const patterns = z.array(z.string()).min(1);

/** A right of a robot, as `POST .../robots` takes it. */
const grant = z.strictObject({
  pattern: z.string(),
  role: z.string().optional(),
  actions: z.array(z.string()).optional(),
  tag_pattern: z.string().nullable().optional(),
  expires_in_days: z.int().nullable().optional(),
  cidrs: z.array(z.string()).optional(),
});

const robot = z.strictObject({
  description: z.string().optional(),
  role: z.string().optional(),
  grants: z.array(grant).optional(),
  cidrs: z.array(z.string()).optional(),
  disabled: z.boolean().optional(),
  expires_in_days: z.int().nullable().optional(),
});

const tagRule = z.strictObject({
  pattern: z.string().default("**"),
  tags: patterns,
  except_tags: z.array(z.string()).default([]),
  retention_may_expire: z.boolean().default(false),
});

const project = z.strictObject({
  visibility: z.enum(visibilities).optional(),
  description: z.string().optional(),
  cidrs: z.array(z.string()).optional(),
  trash_days: z.int().optional(),
  untagged_days: z.int().nullable().optional(),
  members: z.record(z.string(), z.string()).optional(),
  robots: z.record(z.string(), robot.nullable()).optional(),
  tag_rules: z.array(tagRule).optional(),
});

const wantedFile = z.strictObject({ projects: z.record(z.string(), project.nullable()) });

export type WantedFile = z.output<typeof wantedFile>;
export type WantedProject = z.output<typeof project>;
export type WantedRobot = z.output<typeof robot>;
export type WantedTagRule = z.output<typeof tagRule>;

/** What a file says there should be. `-` is standard input. Throws `UsageError` with all that is wrong. */
export async function readWantedFile(path: string): Promise<WantedFile> {
  const text = await readNamedFile(path, fileBytesMax);
  let body: unknown;
  try {
    body = Bun.YAML.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
  const read = wantedFile.safeParse(body);
  if (read.success) return read.data;
  const lines = read.error.issues.map(
    ({ path: at, message }) => `${path}: ${at.length === 0 ? "" : `${at.join(".")}: `}${message}`,
  );
  throw new UsageError(lines.join("\n"));
}
