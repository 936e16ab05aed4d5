import { plugin } from "bun";

/** The call in src/registry/routes.ts that hands a pull to the recorder, with all that it looks up. */
const call = /registry\.recordPull\(.*?\);\n/s;

// To be preloaded: what the record of pulls costs is the difference to the program without it.
plugin({
  name: "without-pull-records",
  setup(build) {
    build.onLoad({ filter: /src\/registry\/routes\.ts$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      if (!call.test(text)) throw new Error(`${path} does not record pulls where it did`);
      return { contents: text.replace(call, ""), loader: "ts" };
    });
  },
});
