import { join } from "node:path";
import { bundled, fontsUnder, type Output, pack, textFile, withFonts } from "./bundle.ts";
import { projectFolder } from "./groups.ts";

/** Builds the console and writes all of it to stdout, as `src/platform/http/bundle.ts` reads it. */
const web = join(projectFolder, "web");
const publicPath = "/console/";

const main = await bundled([join(web, "main.tsx"), join(web, "styles", "console.css")], {
  format: "esm",
  publicPath,
});
const early = await bundled([join(web, "early.ts")], { format: "iife", publicPath });
const fonts = fontsUnder(publicPath);
const outputs = [...[...main, ...early].map((output) => withFonts(output, fonts)), ...fonts];
await Bun.write(Bun.stdout, pack([textFile("index.html", pageOf(outputs)), ...outputs]));

function pageOf(built: readonly Output[]): string {
  const pathOf = (pattern: RegExp) => {
    const found = built.find(({ name }) => pattern.test(name));
    if (found === undefined) throw new Error(`nothing was built that is called ${pattern}`);
    return `/console/${found.name}`;
  };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Berth</title>
<script src="${pathOf(/^early-.*\.js$/)}"></script>
<link rel="stylesheet" href="${pathOf(/^console-.*\.css$/)}">
<link rel="preload" href="/api/v1/account" as="fetch" crossorigin>
<link rel="icon" type="image/svg+xml" href="/assets/berth.svg">
<script type="module" src="${pathOf(/^main-.*\.js$/)}"></script>
</head>
<body>
<div id="root"></div>
<noscript>The console needs scripts. <a href="/account">Your account</a> works without them.</noscript>
</body>
</html>
`;
}
