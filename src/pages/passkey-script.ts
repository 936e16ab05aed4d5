import { sha256Hex } from "../lib/sha256.ts";

/**
 * The only script of these pages, for the one that asks for a passkey: browsers give one to a script alone. It asks
 * at once unless something went wrong before, and again by the button; what the browser gave is sent as a form.
 */
export const passkeyScript = `"use strict";
const form = document.querySelector("form[data-options]");
const button = form.querySelector("button");
const told = document.querySelector("[data-told]");
let asked = false;

async function ask() {
  if (asked) return;
  asked = true;
  told.textContent = "";
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options));
    const credential = await navigator.credentials.get({ publicKey });
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    asked = false;
    told.textContent = error.name === "NotAllowedError"
      ? "The browser gave no passkey: nobody chose one, or it took too long."
      : "The browser gave no passkey: " + error.message;
  }
}

form.hidden = false;
if (typeof PublicKeyCredential?.parseRequestOptionsFromJSON === "function") {
  button.addEventListener("click", ask);
  if ("atOnce" in form.dataset) ask();
} else {
  button.disabled = true;
  told.textContent = "This browser is too old for passkeys.";
}
`;

/** Its address changes with it. */
export const passkeyScriptPath = "/assets/passkey.js";
export const passkeyScriptAddress = `${passkeyScriptPath}?${sha256Hex(passkeyScript).slice(0, 12)}`;
