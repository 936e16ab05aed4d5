import { plugin } from "bun";

/** The call in src/registry/routes.ts that hands a pull to the recorder, with all that it looks up. */
const call = /registry\.recordPull\(.*?\);\n/s;

// To be preloaded: what the record of pulls costs is the difference to the program without it. Both are loaded in
// this way, since a program that is differs by more than that from one that is not.
plugin({
  name: "pull-records",
  setup(build) {
    build.onLoad({ filter: /src\/registry\/routes\.ts$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      if (!call.test(text)) throw new Error(`${path} does not record pulls where it did`);
      const isKept = Bun.env["BENCH_PULL_RECORDS"] !== "none";
      return { contents: isKept ? text : text.replace(call, ""), loader: "ts" };
    });
  },
});
