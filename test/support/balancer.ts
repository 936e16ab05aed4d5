import { connect, createServer, type Socket } from "node:net";
import { type Listening, listen } from "./listening.ts";

export interface Balancer extends Listening {
  readonly url: string;
  /** Connections that each node was given, in the order of the nodes. */
  readonly given: readonly number[];
}

/**
 * Hands connections to the nodes in turn, by their ports on this machine, and knows nothing of what goes
 * over them. A node that refuses is skipped; one that accepts and then says nothing is not.
 */
export async function startBalancer(ports: readonly number[], port = 0): Promise<Balancer> {
  const given = ports.map(() => 0);
  let next = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on("error", () => client.destroy());
    client.pause();
    const first = next++;
    tryNode(client, first, 0);
  });
  function tryNode(client: Socket, first: number, tries: number): void {
    const turn = (first + tries) % ports.length;
    if (tries === ports.length) {
      client.resetAndDestroy();
      return;
    }
    const node = connect({
      host: "127.0.0.1",
      port: ports[turn] ?? 0,
      allowHalfOpen: true,
      noDelay: true,
    });
    const skip = () => tryNode(client, first, tries + 1);
    node.once("error", skip);
    node.once("connect", () => {
      node.off("error", skip);
      given[turn] = (given[turn] ?? 0) + 1;
      join(client, node);
    });
  }
  const listening = await listen(server, port);
  return { ...listening, url: `http://127.0.0.1:${listening.port}`, given };
}

function join(client: Socket, node: Socket): void {
  for (const [one, other] of [
    [client, node],
    [node, client],
  ] as const) {
    one.on("error", () => other.resetAndDestroy());
    one.on("close", () => other.destroy());
    one.pipe(other);
  }
}
