import { basename, join } from "node:path";
import type { BunPlugin } from "bun";
import { bundled } from "../../scripts/bundle.ts";
import { projectFolder } from "../../scripts/groups.ts";
import type { Watched } from "./chromium.ts";

const publicPath = "/console/";

/** Numbers and times in a script that no word of the console is written in. */
const language = "th";

const withPseudo: BunPlugin = {
  name: "pseudo-language",
  setup(build) {
    build.onLoad({ filter: /[/]web[/]text[/](text|images|people|admin)\.ts$/ }, ({ path }) => {
      const part = basename(path, ".ts");
      const [file, name] = part === "text" ? ["en", "text"] : [`en-${part}`, `${part}Text`];
      return {
        loader: "ts",
        contents: `
          import { en } from "./${file}.ts";
          import { pseudo } from ${JSON.stringify(join(import.meta.dir, "pseudo.ts"))};
          export const ${name} = pseudo(en);
          export const language = ${JSON.stringify(language)};`,
      };
    });
  },
};

/** The scripts of the console come from a bundle of the same sources in which all messages are pseudo text. */
export async function speakPseudo({ page }: Watched): Promise<void> {
  const outputs = await bundled([join(projectFolder, "web", "main.tsx")], {
    format: "esm",
    publicPath,
    plugins: [withPseudo],
  });
  const main = outputs.find(({ name }) => name.startsWith("main-"));
  await page.route(/[/]console[/](main|chunk)-[^/]+\.js$/, async (route) => {
    const name = new URL(route.request().url()).pathname.slice(publicPath.length);
    const output = outputs.find((each) => each.name === name);
    // The page names the script of the server's bundle: the other one is loaded once, under its own name.
    const body =
      output === undefined
        ? `import ${JSON.stringify(`${publicPath}${main?.name}`)};`
        : Buffer.from(output.bytes);
    const contentType = "text/javascript; charset=utf-8";
    await route.fulfill({ body, contentType });
  });
}
