import type { Endpoint } from "../access/endpoint.ts";
import { explainEndpoints } from "./explain-endpoint.ts";
import { issuerEndpoints } from "./issuer-endpoints.ts";
import { trustEndpoints } from "./trust-endpoints.ts";

/** Whose identity tokens are believed, and whom they let in. */
export const workloadEndpoints: readonly Endpoint[] = [
  ...issuerEndpoints,
  ...trustEndpoints,
  ...explainEndpoints,
];
