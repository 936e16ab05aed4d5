import { z } from "zod";
import type { Audit } from "../audit/audit.ts";
import type { Principal } from "../auth/principal.ts";
import type { SecretBox } from "../auth/secret-box.ts";
import type { Workloads } from "../auth/workloads.ts";
import type { BlobStore } from "../blobs/blob-store.ts";
import type { DiskSpace } from "../blobs/disk-reserve.ts";
import type { Database, Tx } from "../db/database.ts";
import type { Node } from "../jobs/heartbeat.ts";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Config } from "../platform/config.ts";
import type { Log } from "../platform/log.ts";
import type { Access, Action, Resource } from "./authorize.ts";

export type EndpointMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * One operation of the management API: the router, authorization, the OpenAPI document, the commands
 * and the tests of rights come from this value alone. It closes over nothing, so that commands can
 * know it without a server.
 */
export interface Endpoint<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly method: EndpointMethod;
  /** Under `/api/v1/`. `{name}` is one component, percent-encoded, and the key of the input that holds it. */
  readonly path: `/api/v1/${string}`;
  /**
   * The words of its command, such as `user create`; null where a command of its own calls it, or none.
   * Endpoints may share a command: a parameter that only some of their paths have is a flag then.
   */
  readonly command: string | null;
  /**
   * Keys of the input that the command takes as words, in their order; the others are flags. Default:
   * the parameters of the path, and `name` of a POST.
   */
  readonly words?: readonly string[];
  /** One sentence for people. */
  readonly summary: string;
  /**
   * What the caller must be allowed to do. Null: whoever asks may, because the input itself proves the
   * right, as a setup token does, or because there is nothing to guard.
   */
  readonly action: Action | null;
  /** What they do it to; without it the registry itself. */
  readonly resource?: (input: z.output<Input>) => Resource;
  /**
   * A strict object: parameters of the path, and of the query (GET, DELETE) or of the body, which is
   * JSON. Values of paths and queries come as text; a key of the query whose schema is an array takes
   * its values repeated.
   */
  readonly input: Input;
  readonly output: Output;
  /** Of a success. Default: 200; 204 has no body. */
  readonly status?: 200 | 201 | 202 | 204;
  /** What the ETag of an output is made of; `If-Match` of a change is compared with it by the handler. */
  readonly version?: (output: z.output<Output>) => number;
  /** Of a list: the key by which other commands take an entry. Default: its name, else its id. */
  readonly takenBy?: string;
  /** The key of the output that holds a secret which nobody can ask for again. */
  readonly shownOnce?: string;
  /**
   * Whether it takes away what somebody may miss, as every DELETE does: its command asks before, and tells with
   * `--dry-run` what it would do. With a key `preview` in the input a preview is what it would do.
   */
  readonly destroys?: true;
  /** Whether an answer tells of something wrong: the command's exit code is 3 then. */
  readonly tellsOfFailure?: (output: z.output<Output>) => boolean;
  /** The answer is lines of JSON, written as they come; then `output` is `lines`. */
  readonly streams?: true;
  /** Throws `RegistryError` for what the caller may know. */
  handler(
    deps: Management,
    input: z.output<Input>,
    call: ApiCall,
  ): Promise<z.input<Output>> | z.input<Output>;
}

/** What handlers of the management API work with; made once, in app.ts. */
export interface Management {
  readonly db: Database;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: Config;
  readonly access: Access;
  readonly audit: Audit;
  readonly secrets: SecretBox;
  readonly workloads: Workloads;
  readonly server: ThisServer;
}

/** The server that answers, which may be one of several on the database. */
export interface ThisServer {
  readonly node: Node;
  /** Why it should get no requests, as `/readyz` says it; null while it should. */
  notReady(): string | null;
  /** Whether changes are refused, since all is moved elsewhere. */
  isMoving(): boolean;
  /** Of the disk with its data folder; null where that is not known. */
  space(): DiskSpace | null;
}

/** One request to the management API. */
export interface ApiCall {
  readonly principal: Principal;
  /** `local` on the control socket. */
  readonly address: string;
  readonly requestId: string;
  /** The version that `If-Match` asks for, see `assertVersion`; null where anything will do. */
  readonly ifMatch: number | null;
  /**
   * Set where `Idempotency-Key` came along: writes the answer, which is what the handler returns, in
   * the transaction of the change. `change` calls it.
   */
  readonly remember: ((tx: Tx, answer: unknown) => Promise<void>) | null;
}

/** Output of endpoints that stream: UTF-8, each line one JSON value (NDJSON). */
export const lines = z.custom<ReadableStream<Uint8Array>>(
  (value) => value instanceof ReadableStream,
);

/** Output of endpoints that answer 204. */
export const nothing = z.undefined();

/** Gives the handler the types of the schemas. */
export function defineEndpoint<Input extends z.ZodType, Output extends z.ZodType>(
  endpoint: Endpoint<Input, Output>,
): Endpoint {
  // Sound: the router hands a handler only what its own `input` made.
  return endpoint as unknown as Endpoint;
}

/** The name of a user or robot as the caller may know it: who is nobody is not told who did what. */
export function nameFor({ principal }: ApiCall, name: string | null): string | null {
  return principal.kind === "anonymous" ? null : name;
}

/** Throws 412 when the caller asked for another version than the one that is there (RFC 9110 §13.1.1). */
export function assertVersion(call: ApiCall, version: number): void {
  if (call.ifMatch === null || call.ifMatch === version) return;
  throw new RegistryError("DENIED", {
    status: 412,
    message: `it was changed meanwhile: its version is "${version}" now, read it again`,
  });
}
