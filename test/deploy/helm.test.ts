import { afterAll, describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { version } from "../../package.json";
import { projectFolder } from "../../scripts/groups.ts";
import { endAll, folder, run, runRefused } from "../clients/support.ts";
import { deployFolder, testWith } from "./support.ts";
import { unknownVariables } from "./variables.ts";

const chart = join(deployFolder, "helm", "berth");
const kubernetes = "1.31";
const withVersion = ["--kube-version", `${kubernetes}.0`];

/** Files that somebody else made, which settings name. */
const certificates = {
  settings: {
    BERTH_S3_CA: "/etc/berth/authorities/ca.pem",
    BERTH_TLS_CERT: "/etc/berth/tls/tls.crt",
    BERTH_TLS_KEY: "/etc/berth/tls/tls.key",
  },
  values: {
    extraVolumes: [
      { name: "authorities", configMap: { name: "authorities" } },
      { name: "tls", secret: { secretName: "berth-tls" } },
    ],
    extraVolumeMounts: [
      { name: "authorities", mountPath: "/etc/berth/authorities", readOnly: true },
      { name: "tls", mountPath: "/etc/berth/tls", readOnly: true },
    ],
    extraEnvFrom: [
      { secretRef: { name: "berth-settings", optional: true } },
      { prefix: "BERTH_", configMapRef: { name: "berth-more" } },
    ],
  },
};

/** The least that each shape needs, and all that it may have. */
const shapes: Readonly<Record<string, object>> = {
  single: {},
  "single with everything": {
    url: "https://registry.example.com",
    trustedProxies: ["10.0.0.0/8"],
    adminPassword: { existingSecret: "admin" },
    secretKey: { existingSecret: "keys", key: "first" },
    persistence: { size: "1Ti", storageClass: "fast" },
    service: { type: "LoadBalancer", port: 443, annotations: { a: "b" } },
    settings: { BERTH_SIGNUP: "invitation", ...certificates.settings },
    ...certificates.values,
  },
  "single on a claim": { persistence: { existingClaim: "images" } },
  nodes: nodesWith({}),
  "nodes with everything": {
    ...nodesWith({ existingSecret: "s3", endpoint: "https://s3.example.com", redirect: false }),
    ingress: {
      enabled: true,
      host: "registry.example.com",
      tlsSecret: "certificate",
      className: "nginx",
      annotations: { "nginx.ingress.kubernetes.io/proxy-body-size": "0" },
    },
    serviceMonitor: {
      enabled: true,
      labels: { release: "prometheus" },
      tlsConfig: { serverName: "registry.example.com" },
    },
    settings: certificates.settings,
    ...certificates.values,
    serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a" } },
    imagePullSecrets: [{ name: "pull" }],
    podAnnotations: { a: "b" },
    podLabels: { team: "images" },
    nodeSelector: { "kubernetes.io/os": "linux" },
    tolerations: [{ key: "a", operator: "Exists" }],
    affinity: { podAntiAffinity: {} },
  },
};

function nodesWith(blobs: object) {
  return {
    mode: "nodes",
    secretKey: { existingSecret: "keys" },
    nodes: {
      database: {
        url: "postgres://berth@postgres.example.com:5432/berth?sslmode=verify-full",
        existingSecret: "database",
      },
      blobs: { url: "s3://images/berth", region: "eu-central-1", ...blobs },
    },
  };
}

afterAll(endAll);

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a form of its own, which the schemas check
  readonly spec: any;
}

async function valuesFile(name: string, values: object): Promise<string> {
  const file = join(await folder("helm"), `${name.replaceAll(" ", "-")}.json`);
  await writeFile(file, JSON.stringify(values));
  return file;
}

async function render(name: string, values: object): Promise<Manifest[]> {
  const file = await valuesFile(name, values);
  const argv = ["helm", "template", "images", chart, ...withVersion, "--values", file];
  const { stdout } = await run(argv);
  await writeFile(`${file}.yaml`, stdout);
  return (Bun.YAML.parse(stdout) as (Manifest | null)[]).filter((part) => part !== null);
}

function one(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found.map(({ metadata }) => metadata.name)).toEqual(["images-berth"]);
  return found[0] as Manifest;
}

test("the chart has the version of the program", async () => {
  const about = Bun.YAML.parse(await Bun.file(join(chart, "Chart.yaml")).text());
  expect(about).toMatchObject({ version, appVersion: version });
});

describe.each(Object.entries(shapes))("the chart, %s", (name, values) => {
  testWith(["helm"], "has nothing that helm's linter finds", async () => {
    await run(["helm", "lint", "--strict", chart, "--values", await valuesFile(name, values)]);
  });

  testWith(["helm", "kubernetes-validate"], "is what Kubernetes takes", async () => {
    const manifests = await render(name, values);
    const file = `${await valuesFile(name, values)}.yaml`;
    const check = ["kubernetes-validate", "-k", kubernetes, "--strict", file];
    const { stdout, stderr } = await run(check);
    const passed = `${stdout}${stderr}`.match(/ passed for resource /g)?.length;
    // The kinds of Prometheus's operator are not Kubernetes's own.
    expect(passed).toBe(manifests.filter(({ kind }) => kind !== "ServiceMonitor").length);
  });

  testWith(["helm"], "sets what Berth reads, and holds its pod down", async () => {
    const manifests = await render(name, values);
    expect(unknownVariables(JSON.stringify(manifests))).toEqual([]);
    const kind = name.startsWith("nodes") ? "Deployment" : "StatefulSet";
    const { spec } = one(manifests, kind).spec.template;
    expect(spec).toMatchObject({
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    const [container] = spec.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    expect(probes.map((probe) => container[probe].httpGet.path)).toEqual([
      "/startupz",
      "/livez",
      "/readyz",
    ]);
    const volumes = [...(spec.volumes ?? []), { name: "data" }].map(({ name }) => name);
    for (const mount of container.volumeMounts) expect(volumes).toContain(mount.name);
    expect(container.image).toBe(`localhost/berth:${version}`);
    // What may be read in a manifest is no secret: secrets are named, never given.
    expect(manifests.map((manifest) => manifest.kind)).not.toContain("Secret");
  });
});

testWith(
  ["helm"],
  "a single node keeps its folder on a volume, nodes may go one by one",
  async () => {
    const single = await render("kinds of single", {});
    expect(one(single, "StatefulSet").spec.replicas).toBe(1);
    expect(one(single, "StatefulSet").spec.volumeClaimTemplates).toHaveLength(1);
    expect(single.map(({ kind }) => kind)).not.toContain("PodDisruptionBudget");
    const nodes = await render("kinds of nodes", nodesWith({}));
    const deployment = one(nodes, "Deployment").spec;
    expect(deployment.replicas).toBe(3);
    expect(one(nodes, "PodDisruptionBudget").spec).toEqual({
      maxUnavailable: 1,
      selector: deployment.selector,
    });
    expect(one(nodes, "Service").spec.selector).toEqual(deployment.selector.matchLabels);
  },
);

for (const shape of ["single", "nodes"]) {
  const kind = shape === "nodes" ? "Deployment" : "StatefulSet";
  testWith(
    ["helm"],
    `further files and variables come beside those of the chart, ${shape}`,
    async () => {
      const pod = async (name: string) =>
        one(await render(`files of ${name}`, shapes[name] ?? {}), kind).spec.template.spec;
      const bare = await pod(shape);
      expect(bare.containers[0].envFrom).toBeUndefined();
      expect(bare.containers[0].readinessProbe.httpGet.scheme).toBe("HTTP");
      const full = await pod(`${shape} with everything`);
      const { extraVolumes, extraVolumeMounts, extraEnvFrom } = certificates.values;
      expect(full.volumes).toEqual(
        expect.arrayContaining([...(bare.volumes ?? []), ...extraVolumes]),
      );
      const [container] = full.containers;
      expect(container.volumeMounts).toEqual(
        expect.arrayContaining([...bare.containers[0].volumeMounts, ...extraVolumeMounts]),
      );
      expect(container.envFrom).toEqual(extraEnvFrom);
      // With a certificate of its own Berth does not answer without TLS.
      for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
        expect(container[probe].httpGet.scheme).toBe("HTTPS");
      }
    },
  );
}

const refused: readonly (readonly [string, object, string])[] = [
  ["a value that does not exist", { replicas: 3 }, "replicas"],
  ["one that does not exist further down", { image: { tagg: "1" } }, "tagg"],
  ["a shape that does not exist", { mode: "cluster" }, "mode"],
  ["nodes without a database", { mode: "nodes" }, "existingSecret"],
  [
    "a password in the database's address",
    { ...nodesWith({}), nodes: { database: { url: "postgres://berth:secret@db/berth" } } },
    "database",
  ],
  ["an address with a path", { url: "https://example.com/registry" }, "url"],
  ["an ingress without a host", { ingress: { enabled: true } }, "host"],
  ["a setting that is not Berth's", { settings: { PATH: "/" } }, "PATH"],
  ["a password in a setting", { settings: { BERTH_ADMIN_PASSWORD: "x" } }, "BERTH_ADMIN_PASSWORD"],
  [
    "a volume with the name of one of the chart's",
    { extraVolumes: [{ name: "data", emptyDir: {} }] },
    "extraVolumes",
  ],
  ["a volume of nothing", { extraVolumes: [{ name: "more" }] }, "extraVolumes"],
  [
    "a kind of volume that does not exist",
    { extraVolumes: [{ name: "more", configmap: { name: "more" } }] },
    "configmap",
  ],
  ["a mount without a path", { extraVolumeMounts: [{ name: "more" }] }, "mountPath"],
  [
    "a key of a mount that does not exist",
    { extraVolumeMounts: [{ name: "more", mountPath: "/more", readonly: true }] },
    "readonly",
  ],
  ["variables from nowhere", { extraEnvFrom: [{ prefix: "BERTH_" }] }, "extraEnvFrom"],
  ["a number as a setting", { settings: { BERTH_AUDIT_DAYS: 3 } }, "BERTH_AUDIT_DAYS"],
];

describe("values that are refused:", () => {
  for (const [name, values, word] of refused) {
    testWith(["helm"], name, async () => {
      const file = await valuesFile(name, values);
      const argv = ["helm", "template", "images", chart, ...withVersion, "--values", file];
      const said = await runRefused(argv);
      expect(said).toContain("values don't meet the specifications of the schema");
      expect(said).toContain(word);
    });
  }
});

testWith(["helm"], "the values of OPERATING.md are such as the chart takes", async () => {
  const handbook = await Bun.file(join(projectFolder, "docs", "OPERATING.md")).text();
  const valuesFrom = (line: string) => {
    const [block = ""] =
      /(?: {4}.*\n)+/.exec(handbook.slice(handbook.indexOf(`    ${line}`))) ?? [];
    return Bun.YAML.parse(block.replace(/^ {4}/gm, "")) as object;
  };
  const nodes = await render("values of the handbook", {
    ...valuesFrom("mode: nodes"),
    ...valuesFrom("extraVolumes:"),
  });
  const { env, volumeMounts } = one(nodes, "Deployment").spec.template.spec.containers[0];
  expect(env).toContainEqual({ name: "BERTH_URL", value: "https://registry.example.com" });
  const { value: file } = env.find(({ name }: { name: string }) => name === "BERTH_S3_CA");
  expect(volumeMounts).toContainEqual(expect.objectContaining({ mountPath: dirname(file) }));
});

testWith(["helm"], "the notes say how to set it up, and where it is", async () => {
  const copy = await folder("chart-with-notes");
  cpSync(chart, copy, { recursive: true });
  // helm shows notes only to who has a cluster.
  await writeFile(
    join(copy, "templates", "notes.yaml"),
    'kind: Notes\ntext: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}\n',
  );
  const notes = async (name: string, values: object) => {
    const file = await valuesFile(name, values);
    const show = ["--show-only", "templates/notes.yaml", "--values", file];
    const { stdout } = await run(["helm", "template", "images", copy, ...withVersion, ...show]);
    return (Bun.YAML.parse(stdout) as { text: string }).text;
  };
  const bare = await notes("bare", {});
  expect(bare).toContain("exec statefulset/images-berth -- berth setup --print-token");
  expect(bare).toContain("port-forward service/images-berth 5000:5000");
  const full = await notes("full", {
    ...shapes["nodes with everything"],
    adminPassword: { existingSecret: "admin" },
  });
  expect(full).toContain("rollout status deployment/images-berth");
  expect(full).not.toContain("setup");
  expect(full).toContain("docker login registry.example.com\n");
});
