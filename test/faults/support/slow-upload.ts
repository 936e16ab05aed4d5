import { connect, type Socket } from "node:net";

/** A request whose body comes as slowly as the test wants. */
export interface SlowRequest {
  send(bytes: Uint8Array): Promise<void>;
  /** The status of the answer; 0 when the connection broke before. */
  readonly status: Promise<number>;
  close(): void;
}

/** Sends the head of a request that announces `lengthBytes`, and nothing of its body. */
export async function openSlowRequest(
  url: string,
  method: string,
  path: string,
  lengthBytes: number,
): Promise<SlowRequest> {
  const { hostname, port } = new URL(url);
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect(Number(port), hostname, () => resolve(opened));
    opened.once("error", reject);
  });
  const status = new Promise<number>((resolve) => {
    let head = "";
    socket.on("data", (piece) => {
      head += String(piece);
      const said = /^HTTP\/1\.1 (\d{3})[\s\S]*\r\n\r\n/.exec(head)?.[1];
      if (said !== undefined) resolve(Number(said));
    });
    socket.on("error", () => resolve(0));
    socket.on("close", () => resolve(0));
  });
  const lines = [`${method} ${path} HTTP/1.1`, "host: localhost", `content-length: ${lengthBytes}`];
  socket.write(`${lines.join("\r\n")}\r\ncontent-type: application/octet-stream\r\n\r\n`);
  return {
    send(bytes) {
      return new Promise((resolve) => socket.write(bytes, () => resolve()));
    },
    status,
    close: () => socket.destroy(),
  };
}
