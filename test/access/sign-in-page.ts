import { type Door, publicUrl } from "./door.ts";
import { passwordOf } from "./world.ts";

/** Goes through the sign-in page as a browser does, and returns its cookie. */
export async function signInByPage(door: Door, name: string): Promise<string> {
  const { response } = await postSignIn(door, name, passwordOf(name), "");
  if (response.status !== 303) throw new Error(`${name} is not signed in: ${response.status}`);
  return cookiesOf(response);
}

export async function postSignIn(
  door: Door,
  name: string,
  password: string,
  next: string,
  headers: Record<string, string> = {},
) {
  const page = await door.ask("/signin");
  const text = await page.text();
  const hidden = [...text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
    /name="([^"]*)"/.exec(tag)?.[1] ?? "",
    /value="([^"]*)"/.exec(tag)?.[1] ?? "",
  ]);
  const form = new URLSearchParams(hidden as [string, string][]);
  form.set("user", name);
  form.set("password", password);
  form.set("next", next);
  const response = await door.ask("/signin", {
    method: "POST",
    headers: {
      origin: publicUrl,
      cookie: cookiesOf(page),
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body: form.toString(),
  });
  return { response };
}

export function cookiesOf(response: Awaited<ReturnType<Door["ask"]>>): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
}
