import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints } from "../src/api/endpoints.ts";
import { openApiDocument } from "../src/api/openapi.ts";
import { projectFolder } from "./groups.ts";

/** `npm run openapi` writes openapi.json anew; a test fails while it is not what the endpoints say. */
writeFileSync(
  join(projectFolder, "openapi.json"),
  `${JSON.stringify(openApiDocument(endpoints), null, 2)}\n`,
);
