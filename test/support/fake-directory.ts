import { createServer, type Socket } from "node:net";
import { BerReader, BerWriter, SearchRequest } from "ldapts";
import { type Listening, listen } from "./listening.ts";

/** Of an entry, as they are told. */
export type FakeAttributes = Readonly<Record<string, readonly (string | Buffer)[]>>;

export interface FakeDirectory {
  readonly url: string;
  stop(): Promise<void>;
}

/** Operations and results of RFC 4511. */
const bindRequest = 0x60;
const bindResponse = 0x61;
const searchRequest = 0x63;
const searchEntry = 0x64;
const searchDone = 0x65;

/**
 * A directory that takes each password and says what it is told to say: for answers that no slapd gives.
 * `search`: the entries that are found, or the number of an error.
 */
export async function startFakeDirectory(
  search: (asked: SearchRequest) => readonly { dn: string; attributes: FakeAttributes }[] | number,
): Promise<FakeDirectory> {
  const listening: Listening = await listen(
    createServer((socket) => {
      let heard = Buffer.alloc(0);
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        heard = Buffer.concat([heard, bytes]);
        for (;;) {
          const reader = new BerReader(heard);
          if (reader.readSequence() === null || reader.remain < reader.length) return;
          const end = reader.offset + reader.length;
          answer(socket, reader);
          heard = heard.subarray(end);
        }
      });
    }),
  );
  function answer(socket: Socket, reader: BerReader): void {
    const id = reader.readInt() ?? 0;
    const operation = reader.readSequence();
    if (operation === bindRequest) socket.write(resultOf(id, bindResponse, 0));
    if (operation !== searchRequest) return;
    const asked = new SearchRequest({ messageId: id, filter: undefined as never });
    asked.parseMessage(reader);
    const found = search(asked);
    if (typeof found === "number") {
      socket.write(resultOf(id, searchDone, found));
      return;
    }
    for (const entry of found) socket.write(entryOf(id, entry));
    socket.write(resultOf(id, searchDone, 0));
  }
  return { url: `ldap://127.0.0.1:${listening.port}`, stop: () => listening.stop() };
}

function message(id: number, operation: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  writer.startSequence(operation);
  write(writer);
  writer.endSequence();
  writer.endSequence();
  return writer.buffer;
}

function resultOf(id: number, operation: number, code: number): Buffer {
  return message(id, operation, (writer) => {
    writer.writeEnumeration(code);
    writer.writeString("");
    writer.writeString("");
  });
}

function entryOf(id: number, entry: { dn: string; attributes: FakeAttributes }): Buffer {
  return message(id, searchEntry, (writer) => {
    writer.writeString(entry.dn);
    writer.startSequence();
    for (const [name, values] of Object.entries(entry.attributes)) {
      writer.startSequence();
      writer.writeString(name);
      writer.startSequence(0x31);
      for (const value of values) writer.writeBuffer(Buffer.from(value as string), 0x04);
      writer.endSequence();
      writer.endSequence();
    }
    writer.endSequence();
  });
}
