import type { AnyElysia } from "elysia";
import { pathOf } from "./address.ts";
import { type Context, respond } from "./errors.ts";
import { HttpProblem } from "./problem.ts";

/** Whether a GET changes something: /reserve and /release_all do. */
export const isChangeByGet = (path: string) => /^\/(reserve|release_all)\/?$/.test(path);

const refusal = (method: string, allow: string[]) =>
  new HttpProblem("method_not_allowed", `${method} is not supported here; supported: ${allow.join(", ")}`, {
    Allow: allow.join(", "),
  });

/**
 * For a GET that changes something: Elysia would answer HEAD with the same handler, and a link preview would reserve a
 * machine.
 */
export const notOnHead =
  (...allow: string[]) =>
  ({ request }: { request: Request }): void => {
    if (request.method === "HEAD") throw refusal("HEAD", [...allow, "OPTIONS"]);
  };

/** The methods that a path supports; none if there is no such path. */
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
 * Distinguishes an unsupported method (405 with `Allow`) from an unknown path (404), and answers OPTIONS with the same
 * `Allow`. Must come before the error handler, which would answer 404 to both.
 */
export const withMethods = <App extends AnyElysia>(app: App): App =>
  // As it came: what onError returns has forgotten its routes, which a typed client asks for.
  app.onError({ as: "global" }, (context) => {
    const { code, request, set } = context;
    if (code !== "NOT_FOUND") return;
    const allow = methodsAt(pathOf(request), app.routes);
    if (allow.length === 0) return;
    const { method } = request;
    if (method !== "OPTIONS") return respond(context as unknown as Context, code, refusal(method, allow));
    set.status = 204; // for the log
    return new Response(null, { status: 204, headers: { Allow: allow.join(", ") } });
  }) as App;
