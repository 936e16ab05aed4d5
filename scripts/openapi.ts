import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints } from "../src/api/endpoints.ts";
import { openApiDocument } from "../src/api/openapi.ts";
import { clientText } from "./client.ts";
import { projectFolder } from "./groups.ts";

/**
 * `npm run openapi` writes openapi.json and client/operations.ts anew; a test fails while they are not
 * what the endpoints say.
 */
writeFileSync(
  join(projectFolder, "openapi.json"),
  `${JSON.stringify(openApiDocument(endpoints), null, 2)}\n`,
);
writeFileSync(join(projectFolder, "client", "operations.ts"), clientText());
