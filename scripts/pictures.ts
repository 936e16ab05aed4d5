import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openChromium } from "../test/console/chromium.ts";
import { projectFolder } from "./groups.ts";
import { foundCompany } from "./pictures/company.ts";
import { origin, startFront } from "./pictures/front.ts";
import { takePictures } from "./pictures/take.ts";

/**
 * `npm run pictures [-- name...]` writes docs/img anew, or those that begin so: every screen of the console, of a
 * company that is made up. The same in form each time, not byte for byte: ids and secrets come by chance.
 */
const folder = join(projectFolder, "docs", "img");
/** Of all pictures together. */
const bytesMax = 5_000_000;

mkdirSync(folder, { recursive: true });
const app = await foundCompany();
const front = await startFront(app);
const chromium = await openChromium(origin, [
  `--host-resolver-rules=MAP registry.example.com:443 127.0.0.1:${front.port}`,
]);
try {
  const [delivery] = await app.rows(
    "select id from webhook_deliveries order by created_at desc, id desc limit 1",
  );
  const bytes = await takePictures(chromium, {
    ...{ folder, asked: process.argv.slice(2), delivery: String(delivery?.["id"]) },
  });
  console.log(`${(bytes / 1_000_000).toFixed(1)} MB`);
  if (bytes > bytesMax) throw new Error(`the pictures take more than ${bytesMax} bytes`);
} finally {
  await chromium.close();
  await front.stop();
  await app.remove();
}
