import { Elysia } from "elysia";
import type { Deps } from "../../deps.ts";
import { pathOf } from "../address.ts";
import { secretIn } from "../auth/cookie.ts";
import { weightOf } from "../formats/accept.ts";
import { withParts } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import { built } from "./files.ts";
import { languageFor } from "./language.ts";

/** As nginx has it for everything but Swagger UI (nginx/site.conf.template). */
export const POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const SAFE = { "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" };
const TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};
/** Its name has the hash of its content. */
const FOREVER = "public, max-age=31536000, immutable";

const missing = () =>
  new HttpProblem("not_found", "There is nothing at this address; see /swagger for what there is");

interface Asked {
  parts: () => Deps;
  request: Request;
}

/** 304 if the client has it already. */
function orNotModified(
  request: Request,
  body: BodyInit,
  tag: string,
  headers: Record<string, string>,
): Response {
  const all = { ...SAFE, ...headers, ETag: `"${tag}"`, "Cache-Control": "no-cache" };
  if (request.headers.get("if-none-match") === all.ETag)
    return new Response(null, { status: 304, headers: all });
  return new Response(body, { headers: all });
}

/**
 * One of the dashboard's pages, which contains nothing about the pool: in the browser's language, and with `data-open` if no
 * login is needed, so that it doesn't ask who is logged in only to get a 401.
 */
function pageOf(name: string, { parts, request }: Asked): Response {
  const bytes = built(`${name}.html`);
  if (!bytes) throw missing();
  const open = parts().adminToken === "" && secretIn(request) === undefined;
  const language = languageFor(request.headers.get("accept-language") ?? "");
  const root = `<html lang="${language}"${open ? " data-open" : ""}>`;
  const html = new TextDecoder().decode(bytes).replace('<html lang="en">', root);
  return orNotModified(request, html, Bun.hash(html).toString(36), {
    "Content-Type": "text/html; charset=utf-8",
    Vary: "Accept-Language, Cookie",
  });
}

function assetOf(name: string, request: Request): Response {
  const type = TYPES[/^[\w-]+\.(\w+)$/.exec(name)?.[1] ?? ""];
  const plain = type && built(`assets/${name}`);
  if (!plain) throw missing();
  const small =
    weightOf("br", request.headers.get("accept-encoding") ?? "") > 0 && built(`assets/${name}.br`);
  const encoding: Record<string, string> = small ? { "Content-Encoding": "br" } : {};
  return new Response(small || plain, {
    headers: {
      ...SAFE,
      ...encoding,
      "Content-Type": type,
      "Cache-Control": FOREVER,
      Vary: "Accept-Encoding",
    },
  });
}

function iconOf(request: Request): Response {
  const icon = built("icon.svg");
  if (!icon) throw missing();
  return orNotModified(request, icon, Bun.hash(icon).toString(36), { "Content-Type": TYPES.svg as string });
}

const hidden = { detail: { hide: true } };
const to = (place: string) => new Response(null, { status: 303, headers: { Location: place } });

/** The dashboard and its log-in page, as web/build.ts has built them. `/` leads there. */
export const ui = new Elysia({ name: "ui" })
  .use(withParts)
  .get("/", () => to("/ui/"), hidden)
  .get("/ui/", (asked) => (pathOf(asked.request) === "/ui" ? to("/ui/") : pageOf("index", asked)), hidden)
  .get("/ui/icon.svg", ({ request }) => iconOf(request), hidden)
  .get("/ui/assets/:name", ({ params, request }) => assetOf(params.name, request), hidden)
  .get("/ui/:page", (asked) => pageOf(/^[a-z]+$/.exec(asked.params.page)?.[0] ?? "", asked), hidden)
  .get("/login", (asked) => pageOf("log-in", asked), hidden);
