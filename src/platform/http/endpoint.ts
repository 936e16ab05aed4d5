import type { z } from "zod";

/** Commands change something or take long; the rest is read. */
export type EndpointMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * One operation of the management API: the router, the commands and the list of endpoints come from
 * this value alone. It is served under its path, and may be called in process with the same effect.
 */
export interface Endpoint<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly method: EndpointMethod;
  /** Under `/api/v1/`, without parameters. */
  readonly path: `/api/v1/${string}`;
  /** One sentence for people. */
  readonly summary: string;
  /** What the caller must be allowed to do. */
  readonly action: string;
  /** Of the query (GET) or of the body, which is JSON. */
  readonly input: Input;
  readonly output: Output;
  /** Throws `RegistryError` for what the caller may know. */
  handler(input: z.output<Input>): Promise<z.input<Output>>;
}

/** Gives the handler the types of the schemas. */
export function defineEndpoint<Input extends z.ZodType, Output extends z.ZodType>(
  endpoint: Endpoint<Input, Output>,
): Endpoint {
  // Sound: the router hands a handler only what its own `input` made.
  return endpoint as unknown as Endpoint;
}
