import { Elysia } from "elysia";
import { config } from "../config.ts";
import { deps } from "../deps.ts";
import type { PoolDeps } from "../pool/deps.ts";
import { withAddress } from "./address.ts";
import { withErrors } from "./errors.ts";
import { json } from "./json.ts";
import { withOrigin } from "./origin.ts";
import { withTrail } from "./trail.ts";
import { withUser } from "./user.ts";

/** Built when the first request needs it, so that importing a route reads no configuration. */
const later = new Proxy({} as PoolDeps, {
  // Elysia asks every decorated value for toString() while it puts the app together: an empty object answers.
  get: (empty, name) => Reflect.get(typeof name === "symbol" || name in empty ? empty : deps(), name),
});

/** What every route of the pool starts from: the errors, the token, `deps`, readable JSON where it is wished. */
export const withDeps = new Elysia({ name: "deps" })
  .use(withTrail)
  .use(withErrors)
  .use(withAddress)
  .use(withOrigin)
  .use(withUser)
  .decorate("deps", later)
  .mapResponse({ as: "scoped" }, ({ responseValue, set }) => {
    if (!config().prettyJson || responseValue === null || typeof responseValue !== "object") return;
    if (responseValue instanceof Response) return;
    return json(responseValue, true, {
      status: Number(set.status ?? 200),
      headers: set.headers as HeadersInit,
    });
  });
