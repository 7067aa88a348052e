import { render } from "preact";
import { insist } from "./data/api.ts";
import { loadSession } from "./data/session.ts";
import { follow } from "./data/stream.ts";
import { Shell } from "./parts/shell.tsx";
import { route } from "./route.ts";

// A key that is held does its work once: what its first press opens isn't answered by the ones that the keyboard adds.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.repeat && event.key === "Enter" && !(event.target instanceof HTMLTextAreaElement))
      event.preventDefault();
  },
  { capture: true },
);

route();
render(<Shell />, document.getElementById("root") as HTMLElement);
follow();
// Without knowing who is logged in, a page has no forms.
void insist(loadSession);
