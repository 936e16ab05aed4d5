import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { listen } from "../../test/support/listening.ts";
import { type Directory, escapedInDn, isBelow, normalDn } from "./directory.ts";
import { typedId } from "./directory-ids.ts";
import { bind, isOneMessage, withDirectory } from "./ldap-connection.ts";

describe("a DN", () => {
  test.each([
    ["CN=Dev, OU=Groups,DC=corp", "cn=dev,ou=groups,dc=corp"],
    ["cn = dev ,ou=groups", "cn=dev,ou=groups"],
    ["cn=Smith\\, John,ou=x", "cn=smith\\, john,ou=x"],
    ["cn=a + uid = b,dc=c", "cn=a+uid=b,dc=c"],
    ["cn=two  spaces,dc=c", "cn=two  spaces,dc=c"],
  ])("%p has one spelling", (dn, normal) => {
    expect(normalDn(dn)).toBe(normal);
  });

  test.each([
    ["bob", "bob"],
    ["bob.smith@corp-x_y", "bob.smith@corp-x_y"],
    ["Zoë", "Zoë"],
    ["bob,ou=people", "bob\\2cou\\3dpeople"],
    ["a+b=c", "a\\2bb\\3dc"],
    [" #a ", "\\20\\23a\\20"],
    ['"\\;<>', "\\22\\5c\\3b\\3c\\3e"],
    ["\0", "\\00"],
    ["😀", "\\f0\\9f\\98\\80"],
  ])("holds %p as a value, and as nothing else", (value, escaped) => {
    expect(escapedInDn(value)).toBe(escaped);
  });
});

test.each([
  ["uid=a,ou=People, DC=corp", "ou=people,dc=corp", true],
  ["uid=a,ou=x,ou=people,dc=corp", "OU=people,dc=corp", true],
  ["ou=people,dc=corp", "ou=people,dc=corp", false],
  ["uid=a,ou=salespeople,dc=corp", "ou=people,dc=corp", false],
  ["uid=a,ou=people,dc=corp,dc=example", "ou=people,dc=corp", false],
])("whether %p is below %p: %p", (dn, base, isSo) => {
  expect(isBelow(dn, base)).toBe(isSo);
});

describe("what somebody typed as the id of an entry", () => {
  const base = "ou=people,dc=corp";
  const uuid = "6BA7B810-9dad-11d1-80b4-00c04fd430c8";
  test.each([
    ["entryUUID", uuid, uuid.toLowerCase()],
    ["objectGUID", uuid, uuid.toLowerCase()],
    ["dn", "UID=a, OU=People,DC=corp", "uid=a,ou=people,dc=corp"],
    ["employeeNumber", "A-17", "A-17"],
  ])("%s %p is kept as %p", (idAttribute, typed, kept) => {
    expect(typedId({ idAttribute, base } as Directory, typed)).toBe(kept);
  });

  test.each([
    ["entryUUID", "alice", "8-4-4-4-12"],
    ["objectGUID", uuid.replaceAll("-", ""), "8-4-4-4-12"],
    ["GUID", `{${uuid}}`, "8-4-4-4-12"],
    ["dn", "alice", "below ou=people,dc=corp"],
    ["dn", "uid=a,ou=others,dc=corp", "below ou=people,dc=corp"],
  ])("%s cannot be %p", (idAttribute, typed, rule) => {
    expect(() => typedId({ idAttribute, base } as Directory, typed)).toThrow(rule);
  });
});

describe("the answer to StartTLS", () => {
  const answer = "300c02010178070a010004000400";
  // As Active Directory writes lengths.
  const long = "30840000001002010178840000000708a0".replace("0708a0", "070a010004000400");

  test("is one message, and nothing beside it", () => {
    expect(isOneMessage(Buffer.from(answer, "hex"))).toBe(true);
    expect(isOneMessage(Buffer.from(long, "hex"))).toBe(true);
    for (const more of ["30", "300c0201026107", answer]) {
      expect(isOneMessage(Buffer.from(answer + more, "hex"))).toBe(false);
      expect(isOneMessage(Buffer.from(long + more, "hex"))).toBe(false);
    }
    expect(isOneMessage(Buffer.from(answer.slice(2), "hex"))).toBe(false);
    expect(isOneMessage(Buffer.from("30", "hex"))).toBe(false);
    expect(isOneMessage(Buffer.alloc(0))).toBe(false);
    expect(isOneMessage(Buffer.from("3085000000000002", "hex"))).toBe(false);
  });
});

describe("a directory that is not to be trusted", () => {
  /** What comes of a bind there. `answer`: what it does with each request, whose id is given. */
  async function bindAt(
    answer: (socket: Socket, id: number) => void,
    plaintext: boolean,
  ): Promise<unknown> {
    const server = await listen(
      createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (request: Buffer) => answer(socket, request[4] ?? 0));
      }),
    );
    const directory = { url: `ldap://127.0.0.1:${server.port}`, ca: null, plaintext } as Directory;
    const limits = { msMax: 1_000, bytesMax: 100_000 };
    try {
      return await withDirectory(directory, limits, (client) => bind(client, "cn=a", "password"));
    } catch (error) {
      return String(error);
    } finally {
      await server.stop();
    }
  }

  const done = (id: number, operation: string) =>
    Buffer.from(`300c0201${id.toString(16).padStart(2, "0")}${operation}070a010004000400`, "hex");

  test("says yes by what it sent before TLS: that is not heard", async () => {
    const early = await bindAt((socket, id) => {
      // A bind that is right, but for the byte with which TLS will begin.
      const rest = Buffer.from("300d02010261080a01000400040130".slice(0, -2), "hex");
      socket.write(Buffer.concat([done(id, "78"), rest]));
    }, false);
    expect(early).toContain("sent more than the answer to StartTLS");
  });

  test("says that it knows no TLS: then there is no password for it", async () => {
    const refused = await bindAt((socket) => {
      socket.write(Buffer.from("300c02010278070a010204000400", "hex"));
    }, false);
    expect(refused).toContain("DirectoryError");
  });

  test("says nothing, or too much", async () => {
    expect(await bindAt(() => {}, true)).toContain("was not done within 1 s");
    const flood = await bindAt((socket) => {
      // One value that does not end.
      socket.write(Buffer.from("308400ffffff", "hex"));
      socket.write(Buffer.alloc(1024 * 1024));
    }, true);
    expect(flood).toContain("sent more than 100000 bytes");
  });

  test("is asked with no empty password, nor with a mechanism for a name", async () => {
    const yes = (socket: Socket, id: number) => socket.write(done(id, "61"));
    expect(await bindAt(yes, true)).toBe(true);
    const server = await listen(
      createServer((socket) => socket.on("data", (r: Buffer) => yes(socket, r[4] ?? 0))),
    );
    const directory = { url: `ldap://127.0.0.1:${server.port}`, plaintext: true } as Directory;
    const limits = { msMax: 1_000, bytesMax: 1_000 };
    for (const [name, password] of [
      ["cn=a", ""],
      ["cn=a", "\0"],
      ["cn=a", "a\0"],
      ["EXTERNAL", "password"],
      ["", "password"],
    ] as const) {
      expect(await withDirectory(directory, limits, (client) => bind(client, name, password))).toBe(
        false,
      );
    }
    await server.stop();
  });
});
