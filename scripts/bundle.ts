import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { BuildArtifact, BunPlugin } from "bun";
import type { BundleIndex, Encoding } from "../src/platform/http/bundle.ts";
import { projectFolder } from "./groups.ts";

/** With `--small` also for Brotli, which takes seconds: for what is built once and served often. */
const isSmall = process.argv.includes("--small");

const types: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  woff2: "font/woff2",
  html: "text/html; charset=utf-8",
  svg: "image/svg+xml",
  json: "application/json",
};
const plainText = "text/plain; charset=utf-8";

export interface Output {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Else by the ending of its name. */
  readonly type?: string;
}

export interface Font extends Output {
  /** As style sheets in `web/styles` name it. */
  readonly source: string;
  /** As it is served. */
  readonly path: string;
}

export interface BundledOptions {
  readonly format: "esm" | "iife";
  readonly publicPath: string;
  readonly plugins?: BunPlugin[];
}

/** What the bundler makes of the entry points, for browsers. */
export async function bundled(
  entrypoints: string[],
  { format, publicPath, plugins = [] }: BundledOptions,
): Promise<Output[]> {
  const { outputs: built } = await Bun.build({
    entrypoints,
    target: "browser",
    format,
    minify: true,
    splitting: format === "esm",
    naming: "[name]-[hash].[ext]",
    publicPath,
    // The bundler would put fonts into the style sheet, where the policy of the page allows none.
    external: ["*.woff2"],
    plugins,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return await Promise.all(
    built.map(async (artifact: BuildArtifact) => ({
      name: artifact.path.replace(/^\.?\//, ""),
      bytes: new Uint8Array(await artifact.arrayBuffer()),
    })),
  );
}

export function textFile(name: string, text: string, type?: string): Output {
  return { name, bytes: new TextEncoder().encode(text), ...(type === undefined ? {} : { type }) };
}

/** The name of a file changes with what is in it. */
export function named(name: string, bytes: Uint8Array): Output {
  const dot = name.lastIndexOf(".");
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 10);
  return { name: `${name.slice(0, dot)}-${hash}${name.slice(dot)}`, bytes };
}

export function fontsUnder(publicPath: string): Font[] {
  const folder = join(projectFolder, "web", "fonts");
  return readdirSync(folder).map((file) => {
    const font = named(file, readFileSync(join(folder, file)));
    return { ...font, source: `../fonts/${file}`, path: `${publicPath}${font.name}` };
  });
}

/** A style sheet names the fonts as they are served. */
export function withFonts(output: Output, fonts: readonly Font[]): Output {
  if (!output.name.endsWith(".css")) return output;
  let text = new TextDecoder().decode(output.bytes);
  for (const { source, path } of fonts) text = text.replaceAll(source, path);
  return named(output.name.replace(/-[^-]+\.css$/, ".css"), new TextEncoder().encode(text));
}

export function pack(files: readonly Output[]): Uint8Array {
  const bodies: Uint8Array[] = [];
  let length = 0;
  const index: BundleIndex = {
    files: files.map(({ name, bytes, type }) => ({
      name,
      type: type ?? types[basename(name).split(".").at(-1) ?? ""] ?? plainText,
      etag: `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`,
      bodies: encodingsOf(name, bytes).map(([encoding, body]) => {
        const start = length;
        bodies.push(body);
        length += body.byteLength;
        return { encoding, start, bytes: body.byteLength };
      }),
    })),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...bodies]);
}

/** Fonts are compressed already. */
function encodingsOf(name: string, bytes: Uint8Array): [Encoding, Uint8Array][] {
  if (name.endsWith(".woff2")) return [["identity", bytes]];
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength };
  return [
    ["identity", bytes],
    ["gzip", gzipSync(bytes, { level: isSmall ? 9 : 6 })],
    ...(isSmall ? ([["br", brotliCompressSync(bytes, { params })]] as [Encoding, Buffer][]) : []),
  ];
}
