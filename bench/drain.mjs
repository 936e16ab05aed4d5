// Run by Node: downloads one path over and over on some connections, and throws the bytes away. wrk
// reads 8 KiB at a time and Bun copies what it reads; both would measure themselves. Node reads into
// one buffer of a megabyte. Prints `RESULT <microseconds> <bytes> <failures>`.
import { connect } from "node:net";

const [port, path, connections, seconds] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const begun = performance.now();
const deadline = begun + Number(seconds) * 1000;
const buffer = new Uint8Array(1024 * 1024);
let bytes = 0;
let failures = 0;

function open() {
  return new Promise((resolve) => {
    /** Bytes of the body to come; 0 before the header block. */
    let remaining = 0;
    let headText = "";
    const take = (count) => {
      if (performance.now() > deadline) {
        socket.destroy();
        return false;
      }
      let from = 0;
      while (from < count) {
        if (remaining === 0) {
          // The header block may come in several pieces.
          const before = headText.length;
          headText += Buffer.from(buffer.buffer, from, Math.min(count - from, 4096)).toString(
            "latin1",
          );
          const end = headText.indexOf("\r\n\r\n");
          if (end < 0 && headText.length < 4096) return true;
          const length = /^content-length: *(\d+)/im.exec(headText.slice(0, end))?.[1];
          if (end < 0 || !headText.startsWith("HTTP/1.1 200") || length === undefined) {
            failures += 1;
            console.error(`an answer that cannot be counted: ${headText.slice(0, 1000)}`);
            socket.destroy();
            return false;
          }
          from += end + 4 - before;
          remaining = Number(length);
          headText = "";
        }
        const taken = Math.min(remaining, count - from);
        bytes += taken;
        remaining -= taken;
        from += taken;
        if (remaining === 0) socket.write(request);
      }
      return true;
    };
    const socket = connect({
      host: "127.0.0.1",
      port: Number(port),
      onread: { buffer, callback: take },
    });
    socket.on("error", () => {
      failures += 1;
    });
    socket.on("close", () => {
      if (performance.now() < deadline && failures === 0) failures += 1;
      resolve(undefined);
    });
    socket.write(request);
  });
}

await Promise.all(Array.from({ length: Number(connections) }, open));
console.log(`RESULT ${Math.round((performance.now() - begun) * 1000)} ${bytes} ${failures}`);
