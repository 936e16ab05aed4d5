import { z } from "zod";
import { parseHost } from "../client/host-address.ts";
import { type Command, UsageError } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { readStdin } from "./read-text.ts";

/** By this name the kubelet calls it: a link to the executable. */
export const kubeletProgram = "kubelet-credential-berth";

const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
const inputBytesMax = 64 * 1024;

/** https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1 */
const request = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("CredentialProviderRequest"),
  image: z.string(),
  serviceAccountToken: z.string().optional(),
});

/** The token of the pod's service account is the password, as it is: Berth knows its issuer. */
export const kubeletCommand: Command = {
  name: "kubelet-credential",
  summary: `Tell the kubelet with which token a pod pulls; it calls it as ${kubeletProgram}.`,
  flags: [],
  details: [
    "Link the executable under that name into the folder of --image-credential-provider-bin-dir on each node,",
    "and name it in the file of --image-credential-provider-config: deploy/kubernetes/credential-provider.yaml.",
  ].join("\n"),
  async run() {
    const { image, serviceAccountToken } = readRequest(await readStdin(inputBytesMax));
    const [name = ""] = image.split("/");
    const host = parseHost(name)?.host;
    if (host === undefined) throw new UsageError(`The image ${image} names no registry.`);
    if (serviceAccountToken === undefined || serviceAccountToken === "") {
      throw new UsageError(
        `The kubelet sent no serviceAccountToken for ${image}: its configuration of this provider needs tokenAttributes (Kubernetes 1.34 or later).`,
      );
    }
    console.log(
      JSON.stringify({
        apiVersion,
        kind: "CredentialProviderResponse",
        cacheKeyType: "Registry",
        // A token is one pod's: it is not kept for others of the same service account.
        cacheDuration: "0s",
        auth: { [host]: { username: "oidc", password: serviceAccountToken } },
      }),
    );
    return EXIT_CODES.ok.code;
  },
};

function readRequest(text: string): z.infer<typeof request> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new UsageError("Standard input must be a CredentialProviderRequest, which is JSON.");
  }
  const read = request.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UsageError(
    `Standard input is no CredentialProviderRequest of ${apiVersion}: ${issue?.path.join(".")}: ${issue?.message}.`,
  );
}
