/**
 * Goal: people of a directory sign in with the password that it knows, as themselves and as nobody else; who
 * leaves it loses what they had here within one comparison, and nobody does because it is away. Method: slapd
 * with the overlay memberOf, 1,000 people, nested groups, StartTLS and LDAPS under a CA of its own.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  bindDn,
  bindPassword,
  group,
  groups,
  passwordOf,
  people,
  person,
  type Slapd,
  startSlapd,
  whyNoSlapd,
} from "../support/slapd.ts";
import { createBrowser } from "./browser.ts";
import { anna, basic, type ClosedApp, type SignIn, startSetUpApp } from "./closed-app.ts";

const reason = whyNoSlapd();
if (reason !== null && process.env["CI"] === "true") throw new Error(`directories: ${reason}`);

const count = 1_000;
const names = Array.from({ length: count }, (_, at) => `user${at}`);
const crew = Array.from({ length: 20 }, (_, at) => `crew${at}`);
const provider = "/api/v1/providers/corp";

describe.skipIf(reason !== null)(
  reason === null ? "a directory" : `a directory (skipped: ${reason})`,
  () => {
    let directory: Slapd;
    let app: ClosedApp;
    let addresses = 0;

    beforeAll(async () => {
      const all = [
        ...names,
        ...crew,
        "bob",
        "anna",
        "carol",
        "dora",
        "leaver",
        "admin2",
        "erin",
        "Zoë",
        "frank",
        "grace",
        "ivan",
      ];
      directory = await startSlapd(
        all.map((name) => person(name, "mail: x@y.example\n")).join("\n"),
      );
      directory.change(
        [
          group("dev", [`uid=bob,${people}`, ...names.map((name) => `uid=${name},${people}`)]),
          group("engineering", [`cn=dev,${groups}`]),
          group("everybody", [`cn=engineering,${groups}`, `uid=carol,${people}`]),
          `dn: ou=closed,${people}\nchangetype: add\nobjectClass: organizationalUnit\nou: closed\n`,
          `${person("judy").replace(people, `ou=closed,${people}`).replace("\n", "\nchangetype: add\n")}`,
          // In a circle.
          `dn: cn=dev,${groups}\nchangetype: modify\nadd: member\nmember: cn=everybody,${groups}\n`,
        ].join("\n"),
      );
      app = await startSetUpApp({ env: { BERTH_TRUSTED_PROXIES: "127.0.0.1" } });
      for (const name of ["staff", "engineers", "by-hand"]) {
        await make("/api/v1/groups", { name });
      }
      await make("/api/v1/users", { name: "local", password: "correct horse battery" });
      await make("/api/v1/providers", settings());
      await make(`${provider}/group-rules`, { value: `CN=Everybody, ${groups}`, group: "staff" });
      await make(`${provider}/group-rules`, {
        value: `cn=eng*,${groups}`,
        group: "engineers",
      });
    });
    afterEach(async () => {
      directory.resume();
      await directory.start();
    });
    afterAll(async () => {
      await app.remove();
      await directory.remove();
    });

    const settings = (more = {}) => ({
      name: "corp",
      kind: "ldap",
      title: "Corporation",
      url: directory.url,
      ca: directory.ca,
      base: people,
      bind_dn: bindDn,
      bind_password: bindPassword,
      ...more,
    });

    // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not trusted.
    async function make(path: string, body: any): Promise<any> {
      const answer = await app.api(anna, "POST", path, body);
      expect([path, answer.status, answer.body]).toEqual([path, 201, expect.anything()]);
      return answer.body;
    }

    /** From an address of its own: wrong passwords of one network have to wait. */
    async function signIn(
      as: SignIn,
      path = "/api/v1/account",
      from: string | null = null,
    ): Promise<{ status: number; name: string | null; text: string; ms: number }> {
      addresses += 1;
      const began = performance.now();
      const response = await fetch(app.url + path, {
        headers: {
          ...basic(as),
          "x-forwarded-for": from ?? `10.${addresses >> 8}.${addresses & 255}.1`,
        },
      });
      const text = await response.text();
      const ms = performance.now() - began;
      const { status } = response;
      return { status, name: status === 200 ? JSON.parse(text).name : null, text, ms };
    }

    async function groupsOf(name: string): Promise<string[]> {
      const rows = await app.rows(
        `select g.name from groups g join group_members m on m.group_id = g.id join principals p on p.id = m.principal_id where p.name = '${name}'`,
      );
      return rows.map((row) => String(row["name"])).sort();
    }

    // biome-ignore lint/suspicious/noExplicitAny: as above.
    async function sync(body: object = {}): Promise<any> {
      const { status, body: answer } = await app.api(
        anna,
        "POST",
        `${provider}/sync`,
        body as never,
      );
      expect([status, answer]).toEqual([200, expect.anything()]);
      return answer;
    }

    /** Compares all directories as it happens every ten minutes, when nobody asks for it. */
    async function compareByItself(): Promise<void> {
      const chore = "compare directories with accounts";
      const finishedAt = async () =>
        (await app.rows("select finished_at from chores where name = ?", chore))[0]?.[
          "finished_at"
        ];
      const before = await finishedAt();
      await app.rows("update chores set due_at = 0 where name = ?", chore);
      for (let waitedMs = 0; (await finishedAt()) === before; waitedMs += 100) {
        if (waitedMs > 30_000) throw new Error("directories are not compared");
        await Bun.sleep(100);
      }
    }

    const isDisabled = async (name: string): Promise<boolean> =>
      (await app.api(anna, "GET", `/api/v1/users/${name}`)).body.disabled;

    const leaveDirectory = (...who: string[]) =>
      directory.change(
        who.map((name) => `dn: uid=${name},${people}\nchangetype: delete\n\n`).join(""),
      );
    const joinDirectory = (name: string) =>
      directory.change(person(name).replace("\nobjectClass", "\nchangetype: add\nobjectClass"));

    describe("somebody of it", () => {
      test("signs in with its password, on the page and as docker does, with nested groups", async () => {
        expect(await signIn(["bob", passwordOf("bob")])).toMatchObject({
          status: 200,
          name: "bob",
        });
        expect(await groupsOf("bob")).toEqual(["engineers", "staff"]);
        const browser = createBrowser(app);
        const form = await browser.open("/signin");
        expect(form.text).toContain("or that of Corporation");
        expect(form.text).not.toContain("/signin/with/corp");
        const sent = await browser.send(form, "/signin", {
          user: "carol",
          password: passwordOf("carol"),
        });
        expect([sent.status, sent.location]).toEqual([303, "/"]);
        // By the circle.
        expect(await groupsOf("carol")).toEqual(["engineers", "staff"]);
        const asked = await signIn(["bob", passwordOf("bob")], "/token?service=any");
        const { token } = JSON.parse(asked.text) as { token: string };
        const pull = await app.fetch("/v2/", { headers: { authorization: `Bearer ${token}` } });
        expect(pull.status).toBe(200);
        expect((await browser.open("/signin/with/corp")).status).toBe(404);
      });

      test("is known by entryUUID, whatever they are called later", async () => {
        expect((await signIn(["Zoë", passwordOf("Zoë")])).name).toBe("zoe");
        const [row] = await app.rows(
          "select i.issuer, i.subject from identities i join principals p on p.id = i.principal_id where p.name = 'zoe'",
        );
        expect(row).toEqual({
          issuer: "ldap:corp",
          subject: expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
        const dn = `dn:: ${Buffer.from(`uid=Zoë,${people}`).toString("base64")}`;
        directory.change(`${dn}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n`);
        expect((await signIn(["renamed", passwordOf("Zoë")])).name).toBe("zoe");
        expect((await signIn(["zoe", passwordOf("Zoë")])).name).toBe("zoe");
        // Whoever gets the name is another person.
        joinDirectory("zoe");
        expect((await signIn(["zoe", passwordOf("zoe")])).status).toBe(401);
        directory.change(
          `dn: uid=zoe,${people}\nchangetype: modrdn\nnewrdn: uid=zoe.two\ndeleteoldrdn: 1\n`,
        );
        expect((await signIn(["ZOE.Two", passwordOf("zoe")])).name).toBe("zoe-two");
      });

      test("comes by no account that is there", async () => {
        expect((await signIn(["anna", passwordOf("anna")])).status).toBe(401);
        expect((await signIn(anna)).name).toBe("anna");
        expect((await signIn(["Anna", passwordOf("anna")])).name).toBe("anna-2");
        expect((await signIn(["anna-2", passwordOf("anna")])).name).toBe("anna-2");
        await make("/api/v1/users", { name: "dora", password: null });
        expect((await signIn(["dora", passwordOf("dora")])).status).toBe(401);
        const subject = await subjectOf("dora");
        const link = { provider: "corp", subject: subject.toUpperCase() };
        expect(await make("/api/v1/users/dora/identities", link)).toMatchObject({ subject });
        const name = { provider: "corp", subject: "dora" };
        const refused = await app.api(anna, "POST", "/api/v1/users/dora/identities", name);
        expect([refused.status, JSON.stringify(refused.body)]).toEqual([
          400,
          expect.stringContaining("cannot be entryUUID"),
        ]);
        expect((await signIn(["dora", passwordOf("dora")])).name).toBe("dora");
      });

      test("keeps their groups while it is not asked for any", async () => {
        expect((await signIn(["bob", passwordOf("bob")])).status).toBe(200);
        await app.api(anna, "PATCH", provider, { groups_claim: null });
        expect((await signIn(["bob", passwordOf("bob")])).status).toBe(200);
        await sync();
        expect(await groupsOf("bob")).toEqual(["engineers", "staff"]);
        await app.api(anna, "PATCH", provider, { groups_claim: "memberOf" });
      });

      test("gets no account where none is made", async () => {
        await app.api(anna, "PATCH", provider, { makes_accounts: false });
        const refused = await signIn(["leaver", passwordOf("leaver")]);
        expect([refused.status, refused.text]).toEqual([
          403,
          expect.stringContaining("ask an admin"),
        ]);
        await app.api(anna, "PATCH", provider, { makes_accounts: true });
      });
    });

    async function subjectOf(user: string): Promise<string> {
      const body = settings({ user });
      const { title: _title, name: _name, ...asked } = body;
      const answer = await app.api(anna, "POST", "/api/v1/providers/test", asked as never);
      return answer.body.person.subject;
    }

    describe("nobody is signed in", () => {
      test.each([
        "*",
        "b*",
        "*)(uid=*))(|(uid=*",
        "bob)(objectClass=*",
        "bob)(|(uid=*",
        "bob\\",
        "bob\\2a",
        "\\62\\6f\\62",
        "bob\0",
        "\0",
        "bob,ou=people",
        `uid=bob,${people}`,
        "bob+cn=bob",
        "(bob)",
        "&",
        "!",
        "",
        "b".repeat(500),
      ])("by the name %p and somebody's password", async (name) => {
        expect((await signIn([name, passwordOf("bob")])).status).toBe(401);
      });

      test.each([
        ["an empty password", "carol", ""],
        ["one that ends before it begins", "carol", "\0"],
        ["one that goes on behind a NUL", "carol", `${passwordOf("carol")}\0x`],
        ["an empty one, who has no account yet", "user7", ""],
        ["one with a line more", "carol", `${passwordOf("carol")}\n`],
        ["one in other letters", "carol", passwordOf("carol").toUpperCase()],
        ["somebody else's", "carol", passwordOf("bob")],
        ["one of 2,000 bytes", "carol", "x".repeat(2_000)],
        ["the one of Berth's own account", bindDn, bindPassword],
      ])("with %s", async (_what, name, password) => {
        expect((await signIn([name, password])).status).toBe(401);
        if (name === "user7")
          expect(await app.rows("select 1 from principals where name = 'user7'")).toEqual([]);
      });

      test("and by the time it takes nobody learns who is there", async () => {
        const password = "correct horse battery";
        await make("/api/v1/users", { name: "off", password });
        await app.api(anna, "PATCH", "/api/v1/users/off", { disabled: true });
        await make("/api/v1/users", { name: "bound", password, cidrs: ["203.0.113.0/28"] });
        expect((await signIn(["bound", password], "/api/v1/account", "203.0.113.1")).status).toBe(
          200,
        );
        const elsewhere = "203.0.113.100";
        const wrong = ["carol", "user8", "nobody-has-this", "local", anna[0]].map((name) =>
          signIn([name, "certainly wrong"]),
        );
        const right = [
          signIn(["off", password]),
          signIn(["bound", password]),
          signIn(["bound", password], "/api/v1/account", elsewhere),
        ];
        const tried: Record<string, number> = {};
        for (const [at, refused] of [...wrong, ...right].entries()) {
          const { status, ms } = await refused;
          expect([at, status]).toEqual([at, 401]);
          tried[at] = ms;
        }
        const all = Object.values(tried);
        expect(Math.min(...all)).toBeGreaterThan(950);
        expect(Math.max(...all) - Math.min(...all)).toBeLessThan(500);
      });

      test("by guessing in other letters, from where guesses have to wait", async () => {
        const from = "198.51.100.1";
        const spelled = ["dora", "DORA", " dora", "dora ", "D\u00f6ra"];
        const wrong = spelled.map((name) =>
          signIn([name, "certainly wrong"], "/api/v1/account", from),
        );
        // The wait begins with the last of them, and is over when that has been refused.
        await Bun.sleep(300);
        const right = await signIn(["Dora", passwordOf("dora")], "/api/v1/account", from);
        for (const { status } of await Promise.all(wrong)) expect(status).toBe(401);
        expect(right.status).toBe(429);
      });

      test("by guessing at one directory while another is away", async () => {
        const other = { name: "away", title: "Away", url: "ldaps://127.0.0.1:1" };
        await make("/api/v1/providers", settings(other));
        const from = "198.51.101.1";
        for (const status of [503, 503, 503, 503, 503, 429]) {
          const refused = await signIn(["user8", "certainly wrong"], "/api/v1/account", from);
          expect(refused.status).toBe(status);
        }
        // Nobody has said no to who is known to be in the other one alone, or in none that is there.
        await app.api(anna, "PATCH", provider, { disabled: true });
        for (let count = 0; count < 7; count++) {
          const refused = await signIn(["user12", "any"], "/api/v1/account", "198.51.102.1");
          expect(refused.status).toBe(503);
        }
        await app.api(anna, "DELETE", "/api/v1/providers/away");
        await app.api(anna, "PATCH", provider, { disabled: false });
      });

      test("while the provider is disabled, nor is who just was", async () => {
        const again = async () =>
          (await app.api(["user9", passwordOf("user9")], "GET", "/api/v1/account")).status;
        expect(await again()).toBe(200);
        await make("/api/v1/groups", { name: "unrelated" });
        await directory.stop();
        expect(await again()).toBe(200);
        await directory.start();
        await app.api(anna, "PATCH", provider, { disabled: true });
        expect(await again()).toBe(401);
        expect((await signIn(["user10", passwordOf("user10")])).status).toBe(401);
        const form = await createBrowser(app).open("/signin");
        expect(form.text).not.toContain("Corporation");
        expect((await signIn(anna)).status).toBe(200);
        await app.api(anna, "PATCH", provider, { disabled: false });
        expect((await signIn(["user9", passwordOf("user9")])).name).toBe("user9");
      });
    });

    describe("that is away", () => {
      const away =
        "Corporation cannot be asked now, so its people cannot sign in with their passwords";

      test("keeps out its people alone, who hear why, until it is there again", async () => {
        const made = await app.api(
          ["carol", passwordOf("carol")],
          "POST",
          "/api/v1/account/tokens",
          {},
        );
        expect(made.status).toBe(201);
        await directory.stop();
        const refused = await signIn(["carol", passwordOf("carol")]);
        expect([refused.status, refused.text]).toEqual([503, expect.stringContaining(away)]);
        expect((await signIn(["unheard-of", "any password"])).status).toBe(503);
        expect((await signIn(anna)).status).toBe(200);
        expect((await signIn(["local", "certainly wrong"])).status).toBe(401);
        const token = { authorization: `Bearer ${made.body.token}` };
        expect((await app.fetch("/v2/", { headers: token })).status).toBe(200);
        const browser = createBrowser(app);
        const sent = await browser.send(await browser.open("/signin"), "/signin", {
          user: "carol",
          password: passwordOf("carol"),
        });
        expect([sent.status, sent.text]).toEqual([400, expect.stringContaining(away)]);
        const failed = await app.api(anna, "POST", `${provider}/sync`, {});
        expect([failed.status, failed.body]).toEqual([503, expect.anything()]);
        await directory.start();
        expect((await signIn(["carol", passwordOf("carol")])).name).toBe("carol");
      });

      test("is waited for so long and no longer when it hangs", async () => {
        directory.pause();
        const began = performance.now();
        const asked = ["user20", "user21", "user22"].map((name) =>
          signIn([name, passwordOf(name)]),
        );
        expect((await signIn(anna)).status).toBe(200);
        for (const { status } of await Promise.all(asked)) expect(status).toBe(503);
        expect(performance.now() - began).toBeLessThan(20_000);
        directory.resume();
        expect((await signIn(["user20", passwordOf("user20")])).name).toBe("user20");
      }, 40_000);
    });

    describe("is asked over TLS", () => {
      const ask = async (more: object) => {
        const { title: _title, name: _name, ...asked } = settings(more);
        return (await app.api(anna, "POST", "/api/v1/providers/test", asked as never)).body;
      };

      test("with a CA of its own, as it is before it is kept", async () => {
        for (const url of [directory.url, directory.tlsUrl]) {
          expect(await ask({ url, user: "bob", user_password: passwordOf("bob") })).toEqual({
            ok: true,
            problems: [],
            scopes: [],
            claims: [],
            person: {
              dn: `uid=bob,${people}`,
              subject: expect.stringMatching(/^[0-9a-f-]{36}$/),
              name: "bob",
              email: "x@y.example",
              groups: ["dev", "engineering", "everybody"].map((cn) => `cn=${cn},${groups}`),
            },
          });
        }
      });

      test.each([
        ["another CA", async () => ({ ca: await otherCa() }), "certificate"],
        ["those that the system trusts", async () => ({ ca: null }), "self signed"],
      ])("and not with %s", async (_what, more, word) => {
        for (const url of [directory.url, directory.tlsUrl]) {
          const answer = await ask({ url, ...(await more()) });
          expect(answer).toMatchObject({ ok: false, problems: [expect.stringContaining(word)] });
        }
      });

      test("and not with a certificate of the right CA for another host", async () => {
        const elsewhere = await startSlapd("", "DNS:elsewhere.example,IP:192.0.2.1");
        const { ca } = elsewhere;
        for (const url of [elsewhere.url, elsewhere.tlsUrl]) {
          const answer = await ask({ url, ca });
          expect(answer).toMatchObject({
            ok: false,
            problems: [expect.stringMatching(/altnames|does not match/)],
          });
        }
        await elsewhere.remove();
      });

      test("and tells what is wrong", async () => {
        const wrong = async (more: object) => (await ask(more)).problems;
        expect(await wrong({ bind_password: "wrong" })).toEqual([
          `the directory does not take ${bindDn} with its password`,
        ]);
        expect(await wrong({ base: groups })).toEqual([expect.stringContaining("nobody below")]);
        expect(await wrong({ user: "nobody-has-this" })).toEqual([
          'nobody is "nobody-has-this" in the directory',
        ]);
        expect(await wrong({ user: "*" })).toEqual(['nobody is "*" in the directory']);
        expect(await wrong({ user: "bob", user_password: "wrong" })).toEqual([
          'nobody is "bob" in the directory, or that is not the password',
        ]);
        expect(await wrong({ url: "ldaps://127.0.0.1:1" })).toEqual([
          expect.stringContaining("127.0.0.1:1 cannot be asked"),
        ]);
        expect(await wrong({ url: directory.tlsUrl.replace("ldaps:", "ldap:") })).toEqual([
          expect.stringContaining("cannot be asked"),
        ]);
      });

      test.each([
        [{ url: "https://corp.example" }, "url must be ldaps://HOST"],
        [{ url: "ldaps://corp.example/dc=corp" }, "url must be ldaps://HOST"],
        [{ base: undefined }, "needs base"],
        [{ bind_password: undefined }, "bind_dn and bind_password come together"],
        [{ bind_dn: undefined }, "bind_dn and bind_password come together"],
        [{ client_id: "berth" }, "has no client_id"],
        [{ filter: "(uid=*" }, "filter"],
        [{ user_dn: "uid={name},{name}" }, "user_dn"],
        [{ user_dn: "uid={name},dc=elsewhere" }, "user_dn must be below base"],
        [{ ca: "nonsense" }, "ca"],
        [{ bind_password: "" }, "bind_password"],
      ])("and is not kept as %p", async (more, word) => {
        const answer = await app.api(
          anna,
          "POST",
          "/api/v1/providers",
          JSON.parse(
            JSON.stringify(settings({ name: "other", url: "ldaps://other.example", ...more })),
          ),
        );
        expect([answer.status, JSON.stringify(answer.body)]).toEqual([
          400,
          expect.stringContaining(word),
        ]);
      });

      test("and moves to another place only with its password, and keeps by what people are known", async () => {
        const { tlsUrl: url } = directory;
        expect((await app.api(anna, "PATCH", provider, { url })).status).toBe(400);
        const moved = await app.api(anna, "PATCH", provider, { url, bind_password: bindPassword });
        expect(moved.body).toMatchObject({ url, kind: "ldap", has_secret: true, client_id: null });
        expect((await signIn(["user11", passwordOf("user11")])).name).toBe("user11");
        expect((await app.api(anna, "PATCH", provider, { id_attribute: "dn" })).status).toBe(409);
        await app.api(anna, "PATCH", provider, { url: directory.url, bind_password: bindPassword });
      });
    });

    test("may let people in as themselves, without an account that looks them up", async () => {
      await app.api(anna, "PATCH", provider, { disabled: true });
      const fields = settings({
        name: "direct",
        url: directory.tlsUrl,
        user_dn: `uid={name},${people}`,
      });
      const { bind_dn: _dn, bind_password: _password, ...direct } = fields;
      await make("/api/v1/providers", direct);
      expect((await signIn(["erin", passwordOf("erin")])).name).toBe("erin");
      expect((await signIn(["erin", passwordOf("erin")])).name).toBe("erin");
      for (const name of [`erin,${people}`, "erin+uid=erin", "erin)(uid=*", "*", ""]) {
        expect([name, (await signIn([name, passwordOf("erin")])).status]).toEqual([name, 401]);
      }
      expect((await signIn(["erin", ""])).status).toBe(401);
      expect((await signIn(["bob", passwordOf("bob")])).status).toBe(401);
      const asked = await app.api(anna, "POST", "/api/v1/providers/direct/sync", {});
      expect([asked.status, JSON.stringify(asked.body)]).toEqual([
        409,
        expect.stringContaining("without bind_dn nobody of direct can be looked up"),
      ]);
      await compareByItself();
      const shown = (await app.api(anna, "GET", "/api/v1/providers/direct")).body;
      expect(shown).toMatchObject({ sync_trouble: null, synced_at: null });
      await app.api(anna, "DELETE", "/api/v1/providers/direct");
      await app.api(anna, "DELETE", "/api/v1/users/erin");
      await app.api(anna, "PATCH", provider, { disabled: false });
    });

    test("may know people by their DNs, of which those below its base count", async () => {
      await app.api(anna, "PATCH", provider, { disabled: true });
      const below = `ou=below,${people}`;
      const inner = person("hilda").replace(people, below);
      directory.change(
        `dn: ${below}\nchangetype: add\nobjectClass: organizationalUnit\nou: below\n\n${inner.replace("\n", "\nchangetype: add\n")}`,
      );
      const by = "/api/v1/providers/by-dn";
      await make(
        "/api/v1/providers",
        settings({ name: "by-dn", url: directory.tlsUrl, id_attribute: "dn" }),
      );
      for (const name of ["hilda", "ivan"]) {
        expect([name, (await signIn([name, passwordOf(name)])).name]).toEqual([name, name]);
      }
      const again = async () =>
        (await app.api(anna, "POST", `${by}/sync`, { preview: true })).body.left;
      expect(await again()).toEqual([]);
      await app.api(anna, "PATCH", by, { base: below });
      expect(await again()).toEqual(["ivan"]);
      expect((await signIn(["ivan", passwordOf("ivan")])).status).toBe(401);
      await app.api(anna, "PATCH", by, { base: people });

      // Whom it has, but does not let Berth read, has not left.
      await make("/api/v1/users", { name: "judy", password: null });
      await make("/api/v1/users/judy/identities", {
        provider: "by-dn",
        subject: `uid=judy,ou=closed,${people}`,
      });
      const { status, body } = await app.api(anna, "POST", `${by}/sync`, {});
      expect([status, JSON.stringify(body)]).toEqual([
        503,
        expect.stringMatching(/may not be read.*nothing was changed/),
      ]);
      expect(await isDisabled("judy")).toBe(false);
      await app.api(anna, "DELETE", by);
      await app.api(anna, "PATCH", provider, { disabled: false });
    });

    test("may be as Active Directory is: with GUIDs, and people who are disabled there", async () => {
      // Bytes that are text as well, and bytes that are none.
      const guids = ["6162636465666768696a6b6c6d6e6f70", "ff0102030405060780e0c0fe00aabbcc"];
      const ad = (name: string, guid: string) =>
        directory.change(`dn: uid=${name},${people}
changetype: modify
add: objectClass
objectClass: asInActiveDirectory
-
add: sAMAccountName
sAMAccountName: ${name}.ad
-
add: objectGUID
objectGUID:: ${Buffer.from(guid, "hex").toString("base64")}
-
add: userAccountControl
userAccountControl: 512
`);
      ad("frank", guids[0] ?? "");
      ad("grace", guids[1] ?? "");
      const fields = settings({
        name: "ad",
        url: directory.tlsUrl,
        filter: "(&(objectClass=person)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
        name_claim: "sAMAccountName",
        id_attribute: "objectGUID",
      });
      await app.api(anna, "PATCH", provider, { disabled: true });
      await make("/api/v1/providers", fields);
      for (const name of ["frank", "grace"]) {
        for (const typed of [`${name}.AD`, `${name}-ad`]) {
          expect((await signIn([typed, passwordOf(name)])).name).toBe(`${name}-ad`);
        }
      }
      const rows = await app.rows("select subject from identities where issuer = 'ldap:ad'");
      expect(rows.map((row) => row["subject"]).sort()).toEqual([
        "030201ff-0504-0706-80e0-c0fe00aabbcc",
        "64636261-6665-6867-696a-6b6c6d6e6f70",
      ]);
      directory.change(
        `dn: uid=frank,${people}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n`,
      );
      const answer = await app.api(anna, "POST", "/api/v1/providers/ad/sync", {});
      expect(answer.body).toMatchObject({ people: 2, left: ["frank-ad"], kept: [] });
      expect((await signIn(["frank-ad", passwordOf("frank")])).status).toBe(401);
      expect((await signIn(["grace-ad", passwordOf("grace")])).status).toBe(200);
      await app.api(anna, "DELETE", "/api/v1/providers/ad");
      await app.api(anna, "PATCH", provider, { disabled: false });
    });

    describe("is compared with accounts", () => {
      beforeAll(async () => {
        const waiting = [...names];
        const one = async () => {
          for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
            const { status } = await signIn([name, passwordOf(name)]);
            expect([name, status]).toEqual([name, 200]);
          }
        };
        await Promise.all(Array.from({ length: 16 }, one));
      }, 240_000);

      test("and 100 of 1,000 who left lose all within seconds, not one because it hangs", async () => {
        const gone = names.slice(100, 200);
        const [first = "", other = ""] = [gone[0], names[500]];
        const token = (
          await app.api([first, passwordOf(first)], "POST", "/api/v1/account/tokens", {})
        ).body.token;
        const browser = createBrowser(app);
        const form = await browser.open("/signin");
        await browser.send(form, "/signin", { user: first, password: passwordOf(first) });
        const pat = () => app.fetch("/v2/", { headers: { authorization: `Bearer ${token}` } });
        const [, registry] = [
          await pat(),
          JSON.parse((await signIn([first, passwordOf(first)], "/token")).text).token,
        ];
        expect((await pat()).status).toBe(200);

        leaveDirectory(...gone);
        directory.pause();
        const hung = await app.api(anna, "POST", `${provider}/sync`, {});
        expect([hung.status, JSON.stringify(hung.body)]).toEqual([
          503,
          expect.stringContaining("nothing was changed"),
        ]);
        directory.resume();
        expect(await activeOf(names)).toBe(count);
        expect((await app.api(anna, "GET", provider)).body.sync_trouble).toContain(
          "cannot be asked",
        );

        const preview = await sync({ preview: true });
        expect([...preview.left].sort()).toEqual([...gone].sort());
        expect(await activeOf(names)).toBe(count);

        expect([...(await sync()).left].sort()).toEqual([...gone].sort());
        expect(await activeOf(names)).toBe(count - gone.length);
        expect((await pat()).status).toBe(401);
        const pull = await app.fetch("/v2/", { headers: { authorization: `Bearer ${registry}` } });
        expect(pull.status).toBe(401);
        expect((await browser.open("/account")).status).toBe(303);
        expect((await signIn([first, passwordOf(first)])).status).toBe(401);
        expect(await groupsOf(first)).toEqual([]);
        expect(await groupsOf(other)).toEqual(["engineers", "staff"]);
        expect((await signIn([other, passwordOf(other)])).status).toBe(200);
        const again = await sync();
        expect(again).toMatchObject({ returned: [], regrouped: [] });
        expect(again.left.length).toBe(gone.length);
        const shown = (await app.api(anna, "GET", provider)).body;
        expect(shown).toMatchObject({ sync_trouble: null, synced_at: expect.any(String) });
      }, 120_000);

      test("and groups follow, both ways, those without a rule not", async () => {
        await app.api(anna, "PUT", "/api/v1/groups/by-hand/members/user300");
        const member = (verb: string, dn: string) =>
          directory.change(
            `dn: cn=dev,${groups}\nchangetype: modify\n${verb}: member\nmember: ${dn}\n`,
          );
        member("delete", `uid=user300,${people}`);
        expect((await sync()).regrouped).toEqual(["user300"]);
        expect(await groupsOf("user300")).toEqual(["by-hand"]);
        member("add", `uid=user300,${people}`);
        expect((await sync()).regrouped).toEqual(["user300"]);
        expect(await groupsOf("user300")).toEqual(["by-hand", "engineers", "staff"]);
      });

      test("and who is there again comes back, unless an administrator said otherwise", async () => {
        const filter = "(&(objectClass=person)(!(uid=user40*)))";
        await app.api(anna, "PATCH", provider, { filter });
        const names40 = ["user40", ...Array.from({ length: 10 }, (_, at) => `user40${at}`)].sort();
        expect(
          (await sync()).left.filter((name: string) => name.startsWith("user40")).sort(),
        ).toEqual(names40);
        await app.api(anna, "PATCH", "/api/v1/users/user401", { disabled: true });
        await app.api(anna, "PATCH", provider, { filter: "(objectClass=person)" });
        // At the next sign-in, or the next comparison.
        expect((await signIn(["user402", passwordOf("user402")])).status).toBe(200);
        const back = names40.filter((name) => name !== "user401" && name !== "user402");
        expect((await sync()).returned.sort()).toEqual(back);
        expect((await signIn(["user401", passwordOf("user401")])).status).toBe(401);
        expect((await signIn(["user403", passwordOf("user403")])).status).toBe(200);
      });

      test("and hides nobody whom it does not show: then nothing is changed", async () => {
        await app.api(anna, "PATCH", provider, { filter: "(objectClass=device)" });
        const answer = await app.api(anna, "POST", `${provider}/sync`, {});
        expect([answer.status, JSON.stringify(answer.body)]).toEqual([
          503,
          expect.stringContaining("shows nobody"),
        ]);
        await app.api(anna, "PATCH", provider, { filter: "(objectClass=person)" });
        expect(await activeOf(names)).toBeGreaterThan(800);
      });

      test("and administrators of this registry stay, whatever it says", async () => {
        expect((await signIn(["admin2", passwordOf("admin2")])).status).toBe(200);
        await app.api(anna, "PATCH", "/api/v1/users/admin2", { administrator: true });
        await make("/api/v1/users/anna/identities", {
          provider: "corp",
          subject: await subjectOf("leaver"),
        });
        leaveDirectory("leaver", "admin2");
        const first = await sync();
        expect(first.kept).toEqual(["anna"]);
        expect(first.left).toContain("admin2");
        expect((await signIn(anna)).status).toBe(200);
        expect((await app.api(anna, "GET", "/api/v1/users/admin2")).body.disabled).toBe(true);
      });

      test("and the last administrator stays, even without a password here", async () => {
        joinDirectory("boss");
        expect((await signIn(["boss", passwordOf("boss")])).status).toBe(200);
        await app.operator("PATCH", "/api/v1/users/boss", { administrator: true });
        await app.operator("PATCH", "/api/v1/users/anna", { administrator: false });
        leaveDirectory("boss");
        const answer = await app.operator("POST", `${provider}/sync`, {});
        expect(answer.body.kept).toContain("boss");
        expect((await app.operator("GET", "/api/v1/users/boss")).body.disabled).toBe(false);
        await app.operator("PATCH", "/api/v1/users/anna", { administrator: true });
        expect((await sync()).left).toContain("boss");
        expect((await app.api(anna, "GET", "/api/v1/users/boss")).body.disabled).toBe(true);
      });
    });

    describe("takes accounts", () => {
      beforeAll(async () => {
        for (const name of crew) {
          expect([name, (await signIn([name, passwordOf(name)])).status]).toEqual([name, 200]);
        }
      });
      const troubleOfCorp = async () =>
        (await app.api(anna, "GET", provider)).body.sync_trouble as string | null;

      test("by itself of some who left, but not of most people: then somebody must ask for it", async () => {
        leaveDirectory("crew0");
        await compareByItself();
        expect([await isDisabled("crew0"), await troubleOfCorp()]).toEqual([true, null]);
        for (const filter of ["(uid=crew1)", "(uid=nobody-yet)"]) {
          // Somebody is shown each time, but in the second case nobody who has an account.
          if (filter === "(uid=nobody-yet)") joinDirectory("nobody-yet");
          await app.api(anna, "PATCH", provider, { filter });
          await compareByItself();
          expect(await troubleOfCorp()).toContain("no longer shows");
          expect(await activeOf(crew)).toBe(crew.length - 1);
        }
        await app.api(anna, "PATCH", provider, { filter: "(uid=crew1)" });
        expect((await sync()).left).toContain("crew2");
        expect(await activeOf(crew)).toBe(1);
        await app.api(anna, "PATCH", provider, { filter: "(objectClass=person)" });
        await compareByItself();
        expect([await activeOf(crew), await troubleOfCorp()]).toEqual([crew.length - 1, null]);
      }, 120_000);

      test("unless their people can sign in elsewhere, and only as long as they can", async () => {
        const old = "/api/v1/providers/old";
        const fields = { title: "Old", url: "https://idp.example", client_id: "berth" };
        await make("/api/v1/providers", { name: "old", ...fields });
        for (const name of ["crew3", "crew4"]) {
          await make(`/api/v1/users/${name}/identities`, { provider: "old", subject: name });
        }
        leaveDirectory("crew3");
        expect((await sync()).kept).toContain("crew3");
        expect(await isDisabled("crew3")).toBe(false);
        await app.api(anna, "PATCH", old, { disabled: true });
        expect((await sync()).kept).not.toContain("crew3");
        expect(await isDisabled("crew3")).toBe(true);
        // The identities that it gave stay for a provider of the same URL.
        await app.api(anna, "DELETE", old);
        leaveDirectory("crew4");
        expect((await sync()).left).toContain("crew4");
        expect(await isDisabled("crew4")).toBe(true);
      });

      test("once: whom an administrator enables afterwards stays, until they came back and left again", async () => {
        const dn = `uid=crew5,${people}`;
        const former = (verb: string) =>
          directory.change(
            `dn: ${dn}\nchangetype: modify\n${verb}: description\n${verb === "add" ? "description: former\n" : ""}`,
          );
        await app.api(anna, "PATCH", provider, {
          filter: "(&(objectClass=person)(!(description=former)))",
        });
        former("add");
        await sync();
        expect(await isDisabled("crew5")).toBe(true);
        await app.api(anna, "PATCH", "/api/v1/users/crew5", { disabled: false });
        expect((await sync()).kept).toContain("crew5");
        expect(await isDisabled("crew5")).toBe(false);
        former("delete");
        expect((await sync()).returned).toEqual(["crew5"]);
        former("add");
        await sync();
        expect(await isDisabled("crew5")).toBe(true);
        await app.api(anna, "PATCH", provider, { filter: "(objectClass=person)" });
      });

      test("only as long as the provider is as it was when it was asked", async () => {
        leaveDirectory("crew6");
        directory.pause();
        const asked = app.api(anna, "POST", `${provider}/sync`, {});
        await Bun.sleep(300);
        await app.api(anna, "PATCH", provider, { title: "Corporation" });
        directory.resume();
        const { status, body } = await asked;
        const said = "corp was changed while it was compared";
        expect([status, JSON.stringify(body)]).toEqual([409, expect.stringContaining(said)]);
        expect(await troubleOfCorp()).toContain(said);
        expect(await isDisabled("crew6")).toBe(false);
        await sync();
        expect([await isDisabled("crew6"), await troubleOfCorp()]).toEqual([true, null]);
      });
    });

    async function activeOf(who: readonly string[]): Promise<number> {
      const rows = await app.rows("select name from principals where state = 'active'");
      const active = new Set(rows.map((row) => row["name"]));
      return who.filter((name) => active.has(name)).length;
    }

    test("nobody is told its password, nor what was typed", async () => {
      const shown = await app.api(anna, "GET", "/api/v1/providers?limit=50");
      const audit = await app.api(anna, "GET", "/api/v1/audit?limit=200");
      const [row] = await app.rows("select client_secret from providers where name = 'corp'");
      expect(String(row?.["client_secret"])).toStartWith("v1.");
      const told = JSON.stringify([shown.body, audit.body]) + app.logged.join("\n");
      for (const secret of [
        bindPassword,
        JSON.stringify(bindPassword).slice(1, -1),
        "has a password",
      ]) {
        expect(told).not.toContain(secret);
      }
      expect(told).toContain("user.disabled");
    });
  },
);

async function otherCa(): Promise<string> {
  const other = await startSlapd();
  await other.remove();
  return other.ca;
}
