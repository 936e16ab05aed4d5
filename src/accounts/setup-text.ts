import type { SecretBox } from "../auth/secret-box.ts";
import { shellWord } from "../lib/shell-word.ts";
import type { Config } from "../platform/config.ts";
import { programAnywhere } from "../platform/program.ts";
import { setupAddress } from "./setup.ts";

/**
 * What is printed at each start until there is an administrator. `url` is the registry as a person at
 * this machine reaches it. The token in it lets whoever reads it become the administrator.
 */
export function setupText(url: string, secrets: SecretBox, config: Config): string {
  const { host } = new URL(url);
  return `
  Nobody can pull or push yet. Open this address and make the first account:
    ${setupAddress(url, secrets)}
  or, at this machine:
    ${programAnywhere()} setup --data ${shellWord(config.data)}

  Then, with any image that you have:
    docker login ${host}
    docker tag alpine ${host}/demo/alpine
    docker push ${host}/demo/alpine
`;
}
