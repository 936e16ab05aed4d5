import type { Socket } from "node:net";

/**
 * What is written behind `cork` goes out as one write, together with all that is written so until the next
 * turn of the event loop. A statement for PostgreSQL is four messages, and several statements are often
 * asked at once: Bun's socket sends each message by itself unless it is told how to send several, and pg
 * each statement. A small image pushed takes 29 writes so, in place of 46. To be called once it is
 * connected: until then Bun still exchanges methods of its socket. It takes bytes, no texts.
 */
export function gatherWrites(socket: Socket): void {
  socket._writev = (chunks, done) => {
    socket._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer" as never, done);
  };
  const uncork = socket.uncork.bind(socket);
  let held = 0;
  const release = () => {
    for (; held > 0; held -= 1) uncork();
  };
  socket.uncork = () => {
    held += 1;
    if (held === 1) process.nextTick(release);
  };
}
