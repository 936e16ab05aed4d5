import type { Endpoint } from "../access/endpoint.ts";
import { accountEndpoints } from "./account-endpoints.ts";
import { invitationEndpoints } from "./invitation-endpoints.ts";
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
  ...accountEndpoints,
  ...userEndpoints,
  ...userTokenEndpoints,
  ...invitationEndpoints,
  ...robotEndpoints,
  ...secretsEndpoints,
];
