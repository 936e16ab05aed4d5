import type { Endpoint } from "../access/endpoint.ts";
import { attentionEndpoint } from "./attention-endpoint.ts";
import { recentEndpoints } from "./recent-endpoints.ts";

/** What one comes to see first. */
export const homeEndpoints: readonly Endpoint[] = [...recentEndpoints, attentionEndpoint];
