/** For each target of the executable: what the image specification, Debian and the C library call it. */
export const platforms = {
  "linux-x64": {
    architecture: "amd64",
    debian: "amd64",
    libraries: "/lib/x86_64-linux-gnu",
    loader: "/lib64/ld-linux-x86-64.so.2",
  },
  "linux-arm64": {
    architecture: "arm64",
    debian: "arm64",
    libraries: "/lib/aarch64-linux-gnu",
    loader: "/lib/ld-linux-aarch64.so.1",
  },
} as const;

export type Target = keyof typeof platforms;

export const targets = Object.keys(platforms) as readonly Target[];
