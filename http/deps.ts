import { Elysia } from "elysia";
import { withAddress } from "./address.ts";
import { withOrigin } from "./auth/origin.ts";
import { withPrincipal } from "./auth/principal.ts";
import { readJson } from "./body.ts";
import { withErrors } from "./errors.ts";
import { json } from "./json.ts";
import "./numbers.ts";
import { withParts } from "./parts.ts";
import { withTrail } from "./trail.ts";

/**
 * What every route of the pool builds on: errors, the principal, `deps`, JSON bodies, and indented JSON if it is switched
 * on.
 */
export const withDeps = new Elysia({ name: "deps" })
  .use(withParts)
  .use(withTrail)
  .use(withErrors)
  .use(withAddress)
  .use(withOrigin)
  .use(withPrincipal)
  .onParse({ as: "scoped" }, ({ request }) => readJson(request))
  .mapResponse({ as: "scoped" }, ({ parts, responseValue, set }) => {
    if (!parts().config.http.prettyJson || responseValue === null || typeof responseValue !== "object")
      return;
    if (responseValue instanceof Response) return;
    return json(responseValue, true, {
      status: Number(set.status ?? 200),
      headers: set.headers as HeadersInit,
    });
  });
