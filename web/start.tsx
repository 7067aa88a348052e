import { render } from "preact";
import { insist } from "./data/api.ts";
import { loadSession } from "./data/session.ts";
import { follow } from "./data/stream.ts";
import { Shell } from "./parts/shell.tsx";
import { route } from "./route.ts";

route();
render(<Shell />, document.getElementById("root") as HTMLElement);
follow();
// Without knowing who is logged in, a page has no forms.
void insist(loadSession);
