import { RegistryError } from "../oci/registry-error.ts";
import { html } from "./html.ts";
import { field } from "./layout.ts";

/** A new password, typed twice. Nobody sees what is typed, so that a slip would lock its owner out. */
export const newPasswordFields = html`${field({
  name: "password",
  label: "Password",
  type: "password",
  hint: "At least 8 characters. A sentence is easier to remember, and harder to guess.",
  autocomplete: "new-password",
  minLength: 8,
})}
${field({
  name: "again",
  label: "The password again",
  type: "password",
  autocomplete: "new-password",
  minLength: 8,
})}`;

/** Throws 400 when the two are not the same. */
export function newPassword(fields: URLSearchParams): string {
  const password = fields.get("password") ?? "";
  if (password === fields.get("again")) return password;
  throw new RegistryError("UNSUPPORTED", {
    status: 400,
    message: "the two passwords are not the same: type it again",
  });
}
