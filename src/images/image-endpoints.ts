import type { Endpoint } from "../access/endpoint.ts";
import { compareEndpoints } from "./compare-endpoints.ts";
import { showImage } from "./image-endpoint.ts";
import { layerEndpoints } from "./layer-endpoints.ts";
import { tagList } from "./tag-list-endpoint.ts";
import { untaggedList } from "./untagged-endpoint.ts";

/** Images as people see them. */
export const imageEndpoints: readonly Endpoint[] = [
  tagList,
  untaggedList,
  showImage,
  ...layerEndpoints,
  ...compareEndpoints,
];
