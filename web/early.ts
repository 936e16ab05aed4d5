/** Before the first paint, and while the console's own script is still on its way. */
import { firstAnswers } from "./state/first-answers.ts";
import "./theme.ts";

for (const href of firstAnswers(location.pathname, new URLSearchParams(location.search))) {
  const link = document.createElement("link");
  Object.assign(link, { rel: "preload", as: "fetch", crossOrigin: "anonymous", href });
  document.head.append(link);
}
