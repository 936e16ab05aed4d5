import type { Endpoint } from "../access/endpoint.ts";
import { grantEndpoints } from "../access/grant-endpoints.ts";
import { groupEndpoints } from "../access/group-endpoints.ts";
import { rateLimitEndpoints } from "../access/rate-limit-endpoints.ts";
import { roleEndpoints } from "../access/role-endpoints.ts";
import { tagRuleEndpoints } from "../access/tag-rule-endpoints.ts";
import { whyEndpoints } from "../access/why-endpoint.ts";
import { accountsEndpoints } from "../accounts/endpoints.ts";
import { repositoryPastEndpoints } from "../asof/repository-past-endpoint.ts";
import { tagHistoryEndpoints } from "../asof/tag-history-endpoints.ts";
import { backupEndpoints } from "../backup/backup-endpoints.ts";
import { webhookEndpoints } from "../events/webhook-endpoints.ts";
import { gcEndpoints } from "../gc/gc-endpoints.ts";
import { homeEndpoints } from "../home/home-endpoints.ts";
import { imageEndpoints } from "../images/image-endpoints.ts";
import { moveEndpoints } from "../move/move-endpoints.ts";
import { nodeEndpoints } from "../nodes/node-endpoints.ts";
import { memberEndpoints } from "../projects/member-endpoints.ts";
import { projectEndpoints } from "../projects/project-endpoints.ts";
import { repositoryEndpoints } from "../projects/repository-endpoints.ts";
import { tagEndpoints } from "../projects/tag-endpoints.ts";
import { pullEndpoints } from "../pulls/pull-endpoints.ts";
import { auditEndpoints } from "../records/audit-endpoints.ts";
import { searchEndpoints } from "../search/search-endpoint.ts";
import { starEndpoints } from "../stars/star-endpoints.ts";
import { systemEndpoints } from "../system/system-endpoints.ts";
import { removeEndpoints } from "../trash/remove-endpoint.ts";
import { bringBackUnit } from "../trash/restore.ts";
import { trashEndpoints } from "../trash/trash-endpoints.ts";
import { usageEndpoints } from "../usage/usage-endpoints.ts";
import { verifyEndpoints } from "../verify/verify-endpoint.ts";
import { workloadEndpoints } from "../workloads/endpoints.ts";
import { openApiEndpoint } from "./openapi.ts";

const described: readonly Endpoint[] = [
  ...accountsEndpoints,
  ...workloadEndpoints,
  ...projectEndpoints,
  ...memberEndpoints,
  ...repositoryEndpoints,
  ...imageEndpoints,
  ...tagEndpoints,
  ...tagHistoryEndpoints(bringBackUnit),
  ...repositoryPastEndpoints,
  ...tagRuleEndpoints,
  ...groupEndpoints,
  ...roleEndpoints,
  ...grantEndpoints,
  ...rateLimitEndpoints,
  ...whyEndpoints,
  ...searchEndpoints,
  ...homeEndpoints,
  ...starEndpoints,
  ...auditEndpoints,
  ...webhookEndpoints,
  ...pullEndpoints,
  ...usageEndpoints,
  ...trashEndpoints,
  ...removeEndpoints,
  ...verifyEndpoints,
  ...systemEndpoints,
  ...nodeEndpoints,
  ...gcEndpoints,
  ...moveEndpoints,
  ...backupEndpoints,
];

/** The management API: what the router serves, the commands call and the OpenAPI document describes. */
export const endpoints: readonly Endpoint[] = [openApiEndpoint(described), ...described];
