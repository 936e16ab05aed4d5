import { type Built, buildImage, buildIndex } from "./build.ts";
import { at } from "./calendar.ts";
import { type Content, type Layer, makeLayer } from "./layers.ts";

type Files = Readonly<Record<string, Content>>;
export type Architecture = "amd64" | "arm64";

const gnu = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

/** Of Debian, with what most images need. */
export function debian(architecture: Architecture): Layer {
  const lib = `usr/lib/${gnu[architecture]}`;
  const of = (name: string, bytes: number) => [bytes, `${name} ${architecture}`] as const;
  return once(`debian ${architecture}`, () =>
    makeLayer("# debian.sh --arch 'amd64' out/ 'bookworm' '@1762560000'", at(30, "00:00"), {
      "etc/debian_version": "12.12\n",
      "etc/hostname": "localhost\n",
      "etc/os-release": osRelease,
      "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/bash\n",
      "etc/ssl/certs/ca-certificates.crt": of("certificates", 214_000),
      "usr/bin/bash": of("bash", 1_265_000),
      "usr/bin/apt": of("apt", 19_000),
      "usr/bin/perl": of("perl", 3_788_000),
      "usr/bin/tar": of("tar", 531_000),
      "usr/bin/tini": of("tini", 24_000),
      [`${lib}/libc.so.6`]: of("libc", 1_926_000),
      [`${lib}/libcrypto.so.3`]: of("crypto", 4_709_000),
      [`${lib}/libssl.so.3`]: of("ssl", 688_000),
      [`${lib}/libstdc++.so.6.0.30`]: of("stdc++", 2_190_000),
      [`${lib}/perl-base/unicore.pl`]: of("unicore", 9_870_000),
      "usr/share/zoneinfo/tzdata.zi": of("zones", 3_102_000),
    }),
  );
}

const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
`;

export function node(version: string, architecture: Architecture): Layer[] {
  const program = once(`node ${version} ${architecture}`, () =>
    makeLayer(
      `RUN /bin/sh -c curl -fsSLO https://nodejs.org/dist/v${version}/node-v${version}-linux-x64.tar.xz # buildkit`,
      at(29, "02:00"),
      {
        "usr/local/bin/node": [43_900_000, `node ${version} ${architecture}`],
        "usr/local/include/node/node_version.h": `#define NODE_VERSION "v${version}"\n`,
        "usr/local/lib/node_modules/npm/bin/npm-cli.js": "require('../lib/cli.js')(process)\n",
        "usr/local/lib/node_modules/npm/lib/npm.js": [2_400_000, "npm"],
      },
    ),
  );
  return [debian(architecture), program];
}

/** What a release of payments/api is made of. */
export interface Release {
  readonly version: string;
  readonly pushed: number;
  readonly node: string;
  /** Packages and their versions. */
  readonly packages: Readonly<Record<string, string>>;
  readonly platforms: readonly Architecture[];
  /** What the program does at this version, line by line. */
  readonly program: readonly string[];
}

export function buildApi(release: Release): Built {
  const images = release.platforms.map(
    (architecture) => [architecture, apiFor(release, architecture)] as const,
  );
  const [[, only] = [undefined, undefined]] = images;
  if (images.length === 1 && only !== undefined) return only;
  return buildIndex(images);
}

function apiFor(release: Release, architecture: Architecture): Built {
  const { version, pushed, packages, program } = release;
  const created = pushed - 4 * 60_000;
  const modules: Files = Object.fromEntries(
    Object.entries(packages).flatMap(([name, of]) => [
      [`app/node_modules/${name}/package.json`, `{ "name": "${name}", "version": "${of}" }\n`],
      [
        `app/node_modules/${name}/dist/index.js`,
        [moduleBytes(name), `${name} ${of} ${architecture}`],
      ],
    ]),
  );
  const locked = Object.entries(packages).map(([name, of]) => `    "${name}": "${of}"`);
  return buildImage({
    architecture,
    created,
    layers: [
      ...node(release.node, architecture),
      once(`modules ${JSON.stringify(packages)} ${architecture}`, () =>
        makeLayer("RUN /bin/sh -c npm ci --omit=dev # buildkit", created, modules),
      ),
      makeLayer("COPY package.json dist ./ # buildkit", created, {
        "app/package.json": `{\n  "name": "@example/payments-api",\n  "version": "${version}",\n  "dependencies": {\n${locked.join(",\n")}\n  }\n}\n`,
        "app/dist/server.js": `${program.join("\n")}\n`,
        "app/dist/ledger.js": [486_000, `ledger ${version}`],
        "app/dist/openapi.json": `{ "openapi": "3.1.1", "info": { "title": "Payments", "version": "${version}" } }\n`,
      }),
    ],
    settings: ["USER node", "EXPOSE map[8080/tcp:{}]", 'CMD ["dist/server.js"]'],
    run: {
      User: "node",
      WorkingDir: "/app",
      Entrypoint: ["tini", "--", "node"],
      Cmd: ["dist/server.js"],
      ExposedPorts: { "8080/tcp": {} },
      Env: [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        `NODE_VERSION=${release.node}`,
        "NODE_ENV=production",
        `APP_VERSION=${version}`,
      ],
      Labels: {
        "org.opencontainers.image.source": "https://github.com/example/payments",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": Bun.hash(`${version} ${pushed}`).toString(16),
        "org.opencontainers.image.licenses": "Proprietary",
        "org.opencontainers.image.base.name": "registry.example.com/platform/node:22-slim",
        "com.example.team": "payments",
      },
    },
  });
}

/** Between 40 and 900 KB, the same for each name. */
function moduleBytes(name: string): number {
  return 40_000 + (Bun.hash.crc32(name) % 860) * 1_000;
}

/** Any other image: layers on top of Debian or of Node.js. */
export function buildPlain(options: {
  readonly created: number;
  readonly platforms: readonly Architecture[];
  readonly base: (architecture: Architecture) => readonly Layer[];
  readonly line: string;
  readonly files: Files;
  readonly command: readonly string[];
}): Built {
  const { created, platforms, base, line, files, command } = options;
  const images = platforms.map((architecture) => {
    const layers = [
      ...base(architecture),
      once(`${line} ${created}`, () => makeLayer(line, created, files)),
    ];
    const settings = [`CMD ${JSON.stringify(command)}`];
    const run = { Cmd: command, Env: ["PATH=/usr/local/bin:/usr/bin:/bin"] };
    return [architecture, buildImage({ architecture, created, layers, settings, run })] as const;
  });
  const [[, only] = [undefined, undefined]] = images;
  return images.length === 1 && only !== undefined ? only : buildIndex(images);
}

const made = new Map<string, Layer>();

/** Layers are shared by images, and take a while. */
function once(key: string, make: () => Layer): Layer {
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
}
