import { expect, test } from "bun:test";
import { attemptDelivery } from "./attempt.ts";

/** Each of its letters that is spelled in several ways is in several places, also at its end. */
const secret = "whsec_/+a/b+c/9+=A==";

/** How receivers write what they were sent. */
const spellings: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "in JSON": (text) => text.replaceAll("/", String.raw`\/`),
  "in JSON in a text of JSON": (text) => text.replaceAll("/", String.raw`\\/`),
  "in JSON by code points": (text) =>
    text.replace(/[/+=]/g, (one) => String.raw`\u00${one.charCodeAt(0).toString(16)}`),
  "in an address": encodeURIComponent,
  "in an address, in small letters": (text) =>
    encodeURIComponent(text).replace(/%../g, (one) => one.toLowerCase()),
  "in an address in another": (text) => encodeURIComponent(encodeURIComponent(text)),
};

async function recorded(body: string): Promise<string> {
  const { answer } = await attempted(200, {}, body);
  return JSON.parse(answer ?? "{}").body;
}

const now = Date.parse("2026-05-01T00:00:00Z");

function attempted(status: number, headers: Record<string, string>, body = "") {
  const answered = { kind: "answered", status, headers, body, durationMs: 1 } as const;
  const deps = {
    clock: { now: () => now },
    secrets: { open: () => secret },
    outbound: { post: async () => answered },
  };
  const webhook = { id: "w", format: "cloudevents", url: "https://example.com/", secret: "sealed" };
  const message = { event_id: "e", body: "{}" };
  const { signal } = new AbortController();
  return attemptDelivery(deps as never, webhook as never, message, signal);
}

test.each(Object.entries(spellings))(
  "a secret said back %s is in no record",
  async (_how, spell) => {
    const said = spell(secret);
    expect(await recorded(`<${said}>${said}`)).toBe("<(secret)>(secret)");
    for (let length = "whsec_".length; length < said.length; length++) {
      expect(await recorded(`<${said.slice(0, length)}`)).toBe("<");
    }
  },
);

test("what is no secret stays", async () => {
  for (const text of ["whsec_ is how it begins", "whsec_abc/d", "100%", String.raw`C:\u`]) {
    expect(await recorded(text)).toBe(text);
  }
});

test.each([
  ["seconds", 503, "120", 120_000],
  ["seconds", 429, " 7 ", 7_000],
  ["a date", 503, "Fri, 01 May 2026 00:01:00 GMT", 60_000],
  ["a date that is past", 503, "Thu, 30 Apr 2026 00:00:00 GMT", 0],
  ["what is neither", 503, "-5 soon", 0],
  ["nothing", 503, null, 0],
  ["seconds beside another failure", 500, "120", 0],
  ["seconds beside a success", 200, "120", 0],
])("Retry-After with %s (%d): %s", async (_what, status, said, pauseMsAsked) => {
  const headers: Record<string, string> = said === null ? {} : { "retry-after": said };
  expect(await attempted(status, headers)).toMatchObject({ pauseMsAsked });
});
