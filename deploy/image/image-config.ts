import { dataFolder, program, userId } from "./root.ts";
import type { Source } from "./source.ts";

const secondNs = 1_000_000_000;

export interface ImageParts {
  readonly source: Source;
  readonly architecture: string;
  /** Digests of the layers before they were compressed. */
  readonly diffIds: readonly string[];
  readonly libcVersion: string;
}

/** How the image is run (image-spec, config.md). */
export function imageConfig({ source, architecture, diffIds, libcVersion }: ImageParts): object {
  return {
    created: source.time,
    architecture,
    os: "linux",
    config: {
      User: `${userId}:${userId}`,
      ExposedPorts: { "5000/tcp": {} },
      Env: [
        "PATH=/usr/bin",
        // A loopback address inside of a container reaches nobody.
        "BERTH_LISTEN=0.0.0.0:5000",
        `BERTH_DATA=${dataFolder}`,
        // SQLite sorts what is large in a file, and the volume is all that can be written.
        `SQLITE_TMPDIR=${dataFolder}`,
      ],
      Entrypoint: [program],
      Volumes: { [dataFolder]: {} },
      WorkingDir: dataFolder,
      StopSignal: "SIGTERM",
      // Not of the specification, which allows more than it names: docker reads it.
      Healthcheck: {
        Test: ["CMD", program, "health"],
        Interval: 30 * secondNs,
        Timeout: 10 * secondNs,
        StartPeriod: 10 * secondNs,
        Retries: 3,
      },
      Labels: {
        "org.opencontainers.image.title": "berth",
        "org.opencontainers.image.description": source.description,
        "org.opencontainers.image.licenses": source.license,
        "org.opencontainers.image.version": source.version,
        "org.opencontainers.image.created": source.time,
        ...(source.revision === null
          ? {}
          : { "org.opencontainers.image.revision": source.revision }),
      },
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: [
      { created: source.time, created_by: `libc6 ${libcVersion} of Debian` },
      { created: source.time, created_by: `berth ${source.version}` },
    ],
  };
}
