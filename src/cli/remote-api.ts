import { connectionTrouble } from "../client/client-error.ts";
import { trustOf } from "../client/host-address.ts";
import { authorizationOf, type SignIn } from "../client/sign-in.ts";
import type { ClientEnvironment } from "../platform/client-environment.ts";
import { version } from "../platform/version.ts";
import { CallError, refusalOf, type Send } from "./control-client.ts";

/** A Berth elsewhere, and who asks. */
export interface RemoteApi {
  readonly host: string;
  readonly origin: string;
  readonly signIn: SignIn | null;
  readonly env: Pick<ClientEnvironment, "trustFolders">;
}

/** Requests to its management API over HTTP. Throws `CallError`. */
export function sendTo({ host, origin, signIn, env }: RemoteApi): Send {
  // An identity token is for the token service, whose tokens are for /v2/ alone.
  const authorization = authorizationOf(signIn);
  return async (method, path, input) => {
    let answer: Response;
    try {
      answer = await fetch(`${origin}${path}`, {
        method,
        headers: {
          "user-agent": `berth/${version}`,
          ...(authorization === null ? {} : { authorization }),
          ...(input === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(input === undefined ? {} : { body: JSON.stringify(input) }),
        // The sign-in is for this host alone.
        redirect: "manual",
        timeout: false,
        ...trustOf(host, env.trustFolders),
      });
    } catch (error) {
      throw new CallError(`no answer from ${host}: ${connectionTrouble(error)}`, null);
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && authorization === null) {
      throw new CallError(`not signed in to ${host}: berth login ${host}`, 401);
    }
    throw await refusalOf(answer, host);
  };
}
