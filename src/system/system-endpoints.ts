import type { Endpoint } from "../access/endpoint.ts";
import { healthEndpoint } from "./health-endpoint.ts";
import { settingsEndpoint } from "./settings-endpoint.ts";

/** How the server that answers was told to be, and how it is. */
export const systemEndpoints: readonly Endpoint[] = [settingsEndpoint, healthEndpoint];
