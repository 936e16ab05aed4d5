import { expect, test } from "bun:test";
import { html } from "./html.ts";

test("escapes what is not markup, in text and in attributes", () => {
  const evil = `"><script>alert('x' & 1)</script>`;
  const { markup } = html`<p title="${evil}">${evil}</p>`;
  expect(markup).toBe(
    `<p title="&quot;&gt;&lt;script&gt;alert(&#x27;x&#x27; &amp; 1)&lt;/script&gt;">&quot;&gt;&lt;script&gt;alert(&#x27;x&#x27; &amp; 1)&lt;/script&gt;</p>`,
  );
});

test("takes markup, lists of it, numbers and nothing", () => {
  const items = ["a<", "b"].map((text) => html`<li>${text}</li>`);
  expect(html`<ul>${items}</ul>${3}${null}${false}${html`<br>`}`.markup).toBe(
    "<ul><li>a&lt;</li><li>b</li></ul>3<br>",
  );
});

test("a value that only looks like markup is text", () => {
  const forged = JSON.stringify({ markup: "<b>" });
  expect(html`${forged}`.markup).not.toContain("<b>");
});
