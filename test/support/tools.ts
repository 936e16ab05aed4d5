import { homedir } from "node:os";
import { join } from "node:path";

/** Where .ci/run puts what it installs: `bin` with programs, `oras` with a Python, `content`, servers. */
export const toolsFolder = process.env["BERTH_TOOLS"] ?? join(homedir(), ".cache", "berth-tools");
