import { render } from "preact";
import { refusalOf } from "./data/api.ts";
import { loadSession } from "./data/session.ts";
import { follow } from "./data/stream.ts";
import { announce } from "./parts/live.tsx";
import { Shell } from "./parts/shell.tsx";
import { route } from "./route.ts";
import { text } from "./text/text.ts";

route();
render(<Shell />, document.getElementById("root") as HTMLElement);
follow();
loadSession().catch((error) => announce(refusalOf(error).message || text.noAnswer));
