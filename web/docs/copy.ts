import { writeClipboard } from "../parts/clipboard.ts";

/** How long a button says that it has copied. */
const saidMs = 1_500;

/** Each block of code gets a button. */
export function addCopyButtons(): void {
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ib copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const isDone = await writeClipboard(
        block.querySelector("code")?.textContent?.trimEnd() ?? "",
      );
      button.textContent = isDone ? "Copied" : "Not copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, saidMs);
    });
    block.prepend(button);
  }
}
