// The log-in page is a program of its own: it follows no stream, and asks only who is logged in.
import { render } from "preact";
import { text } from "../text/text.ts";
import { Login, learn } from "./page.tsx";

document.title = `${text.login.title} · ${text.brand}`;
render(<Login />, document.getElementById("root") as HTMLElement);
learn();
