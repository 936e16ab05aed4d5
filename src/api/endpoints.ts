import type { Endpoint } from "../access/endpoint.ts";
import { verifyEndpoints } from "../verify/verify-endpoint.ts";

/** The management API: what the router serves, the commands call and the OpenAPI document describes. */
export const endpoints: readonly Endpoint[] = [...verifyEndpoints];
