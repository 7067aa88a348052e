import type { AnyElysia } from "elysia";
import { pathOf } from "./address.ts";
import { type Context, respond } from "./errors.ts";
import { HttpProblem } from "./problem.ts";

/** GET /reserve and GET /release_all, which change something. */
export const isChangeByGet = (path: string) => /^\/(reserve|release_all)\/?$/.test(path);

const refusal = (method: string, allow: string[]) =>
  new HttpProblem(
    "method_not_allowed",
    `${method} does nothing at this address; it takes ${allow.join(", ")}`,
    {
      Allow: allow.join(", "),
    },
  );

/** For a GET that acts: Elysia would answer HEAD by the same handler, and a link's preview would reserve a machine. */
export const notOnHead =
  (...allow: string[]) =>
  ({ request }: { request: Request }): void => {
    if (request.method === "HEAD") throw refusal("HEAD", [...allow, "OPTIONS"]);
  };

/** The methods that an address takes; none: there is no such address. */
function methodsAt(path: string, routes: AnyElysia["routes"]): string[] {
  const parts = (one: string) => one.replace(/\/$/, "").split("/");
  const here = parts(path);
  const fits = (route: string[]) =>
    route.length === here.length &&
    route.every((part, i) => part === here[i] || (part[0] === ":" && here[i]));
  const methods = routes.filter((route) => fits(parts(route.path))).map(({ method }) => method);
  if (methods.length === 0) return [];
  if (methods.includes("GET") && !isChangeByGet(path)) methods.push("HEAD");
  return [...new Set(methods), "OPTIONS"].sort();
}

/**
 * Tells a method that an address does not take from an address that is not there: 405 with `Allow`, and OPTIONS
 * answers the same `Allow`. An app uses it before its error handler, which would say 404 to both.
 */
export const withMethods = <App extends AnyElysia>(app: App) =>
  app.onError({ as: "global" }, (context) => {
    const { code, request, set } = context;
    if (code !== "NOT_FOUND") return;
    const allow = methodsAt(pathOf(request), app.routes);
    if (allow.length === 0) return;
    const { method } = request;
    if (method !== "OPTIONS") return respond(context as unknown as Context, code, refusal(method, allow));
    set.status = 204; // for the log
    return new Response(null, { status: 204, headers: { Allow: allow.join(", ") } });
  });
