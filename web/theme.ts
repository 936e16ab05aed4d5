/**
 * Before the first paint: the theme that was chosen, else the system's. A file of its own, since the page
 * may hold no script.
 */
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem("berth.theme");
  } catch {
    // Where nothing may be stored, the system decides.
  }
  const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme;
}

apply();
dark.addEventListener("change", apply);
addEventListener("berth:theme", apply);
