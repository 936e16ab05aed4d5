import packageJson from "../../package.json" with { type: "json" };

/** Of this build; inlined into the executable. */
export const version: string = packageJson.version;
