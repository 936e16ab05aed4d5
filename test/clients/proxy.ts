import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { registry } from "./berth.ts";
import { daemon, folder, freePort, once, run } from "./support.ts";

export interface Proxy {
  /** `127.0.0.1:port` without TLS: only there so that its log shows what a client asked for. */
  readonly plainHost: string;
  readonly tlsPort: number;
  /** Certificate of the authority that signed the proxy's own. */
  readonly caFile: string;
  /** A folder with that certificate as `ca.crt`, as docker and podman want it. */
  readonly certsFolder: string;
  /** How many blobs of a repository arrived by a mount that the registry granted. */
  mounted(repository: string): Promise<number>;
}

/** nginx before the registry, as people run it: TLS ends there and Host is passed through. */
export const proxy = once(async (): Promise<Proxy> => {
  const { host, tlsPort } = await registry();
  const home = await folder("nginx");
  const certsFolder = await folder("nginx/certs");
  await makeCertificates(home);
  const caFile = join(certsFolder, "ca.crt");
  await writeFile(caFile, await readFile(join(home, "ca.pem")));
  const plainPort = freePort();
  const log = join(home, "requests.log");
  await writeFile(join(home, "nginx.conf"), nginxConf({ home, log, host, plainPort, tlsPort }));
  const listens = async () => (await fetch(`http://127.0.0.1:${plainPort}/readyz`)).status === 200;
  await daemon("nginx", ["nginx", "-p", home, "-c", join(home, "nginx.conf")], listens);
  const mounted = async (repository: string) => {
    const lines = (await readFile(log, "utf8")).split("\n");
    const start = `201 POST /v2/${repository}/blobs/uploads/?`;
    return lines.filter((line) => line.startsWith(start) && line.includes("mount=")).length;
  };
  return { plainHost: `127.0.0.1:${plainPort}`, tlsPort, caFile, certsFolder, mounted };
});

/** Makes `ca.pem`, an authority, and `server.pem` with `server.key`, which it signed. */
export async function makeCertificates(home: string): Promise<void> {
  const days = ["-days", "2"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await run(
    ["openssl", "req", "-x509", ...key, ...days, "-subj", "/CN=Test authority"].concat([
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
    ]),
    { cwd: home },
  );
  await run(
    ["openssl", "req", ...key, "-subj", "/CN=registry.test"].concat([
      "-keyout",
      "server.key",
      "-out",
      "server.csr",
    ]),
    { cwd: home },
  );
  await writeFile(
    join(home, "names"),
    "subjectAltName=DNS:registry.test,DNS:localhost,IP:127.0.0.1,IP:::1\n",
  );
  await run(
    ["openssl", "x509", "-req", ...days, "-in", "server.csr", "-CA", "ca.pem"].concat([
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-extfile",
      "names",
      "-out",
      "server.pem",
    ]),
    { cwd: home },
  );
}

interface Listening {
  readonly home: string;
  readonly log: string;
  readonly host: string;
  readonly plainPort: number;
  readonly tlsPort: number;
}

function nginxConf({ home, log, host, plainPort, tlsPort }: Listening): string {
  return `daemon off;
user root;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 512; }
http {
  log_format asked '$status $request_method $request_uri';
  access_log ${log} asked;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {
    listen 127.0.0.1:${plainPort};
    location / { proxy_pass http://${host}; }
  }
  server {
    listen 127.0.0.1:${tlsPort} ssl;
    listen [::1]:${tlsPort} ssl;
    ssl_certificate ${home}/server.pem;
    ssl_certificate_key ${home}/server.key;
    location / { proxy_pass http://${host}; }
  }
}
`;
}
