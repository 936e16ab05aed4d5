import { z } from "zod";
import { formatPlatform } from "../oci/platform.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../oci/strict-json.ts";
import { createdOf, textOf } from "./build-lines.ts";

/** Entries of one list that are shown. */
const entriesMax = 1_000;

const texts = z.array(z.string());

/** How an image is run, as its configuration says (image-spec config.md). */
export const runConfig = z.object({
  platform: z.string().nullable(),
  created: z.string().nullable().describe("As the build says; often a fixed time."),
  author: z.string().nullable(),
  user: z.string().nullable(),
  working_dir: z.string().nullable(),
  entrypoint: texts,
  cmd: texts,
  env: texts.describe("Each as NAME=value."),
  ports: texts.describe("Each as 8080/tcp."),
  volumes: texts,
  stop_signal: z.string().nullable(),
  healthcheck: texts.describe("The command, as docker has it; none: there is no check."),
  labels: z.record(z.string(), z.string()),
});

export type RunConfig = z.output<typeof runConfig>;

/** What is not of the kind that the specification asks for is left out. */
export function readRunConfig(config: JsonObject): RunConfig {
  const run = isJsonObject(config["config"]) ? config["config"] : {};
  const check = isJsonObject(run["Healthcheck"]) ? run["Healthcheck"]["Test"] : undefined;
  return {
    platform: formatPlatform(config),
    created: createdOf(config),
    author: textOf(config["author"]),
    user: textOf(run["User"]),
    working_dir: textOf(run["WorkingDir"]),
    entrypoint: textsOf(run["Entrypoint"]),
    cmd: textsOf(run["Cmd"]),
    env: textsOf(run["Env"]),
    ports: keysOf(run["ExposedPorts"]),
    volumes: keysOf(run["Volumes"]),
    stop_signal: textOf(run["StopSignal"]),
    healthcheck: textsOf(check),
    labels: labelsOf(run["Labels"]),
  };
}

function textsOf(value: JsonValue | undefined): string[] {
  const list = isJsonArray(value) ? value : [];
  return list.slice(0, entriesMax).flatMap((entry) => (typeof entry === "string" ? [entry] : []));
}

function keysOf(value: JsonValue | undefined): string[] {
  return isJsonObject(value) ? Object.keys(value).slice(0, entriesMax) : [];
}

function labelsOf(value: JsonValue | undefined): Record<string, string> {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, string] => typeof entry[1] === "string")
      .slice(0, entriesMax),
  );
}
