import { Elysia } from "elysia";
import { file } from "../file.ts";
import { page } from "../page.ts";
import { withParts } from "../parts.ts";

const part = (name: string, type: string) => () =>
  file(import.meta.resolve(`./${name}`), `${type}; charset=utf-8`, { "Cache-Control": "no-cache" });
const hidden = { detail: { hide: true } };

/** The login page, with its own script and style sheet: nothing in it is inline. */
export const loginPage = new Elysia({ name: "login-page" })
  .use(withParts)
  .get("/login", page(import.meta.resolve("./page.html")), hidden)
  .get("/login.js", part("login.js", "text/javascript"), hidden)
  .get("/login.css", part("login.css", "text/css"), hidden);
