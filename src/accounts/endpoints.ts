import type { Endpoint } from "../access/endpoint.ts";
import { accountEndpoints } from "./account-endpoints.ts";
import { deviceEndpoints } from "./device-endpoints.ts";
import { groupRuleEndpoints } from "./group-rule-endpoints.ts";
import { identityEndpoints } from "./identity-endpoints.ts";
import { invitationEndpoints } from "./invitation-endpoints.ts";
import { passkeyEndpoints } from "./passkey-endpoints.ts";
import { providerEndpoints } from "./provider-endpoints.ts";
import { robotEndpoints } from "./robot-endpoints.ts";
import { secretsEndpoints } from "./secrets-endpoints.ts";
import { setupEndpoints } from "./setup-endpoints.ts";
import { signUpEndpoints } from "./sign-up-endpoints.ts";
import { userEndpoints } from "./user-endpoints.ts";
import { userTokenEndpoints } from "./user-token-endpoints.ts";

/** Everything about who there is and how they prove it. */
export const accountsEndpoints: readonly Endpoint[] = [
  ...setupEndpoints,
  ...signUpEndpoints,
  ...deviceEndpoints,
  ...accountEndpoints,
  ...passkeyEndpoints,
  ...userEndpoints,
  ...userTokenEndpoints,
  ...identityEndpoints,
  ...providerEndpoints,
  ...groupRuleEndpoints,
  ...invitationEndpoints,
  ...robotEndpoints,
  ...secretsEndpoints,
];
