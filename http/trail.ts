import { Elysia } from "elysia";
import { reasonOf } from "../log.ts";
import { actingAs } from "../pool/audit/deps.ts";
import { recordRefusal } from "../pool/audit/refusals.ts";
import { pathOf } from "./address.ts";
import { actorOf } from "./auth/principal.ts";
import { noteOrigin } from "./auth/proxy.ts";
import { errorOf, requestId } from "./errors.ts";
import { isChangeByGet } from "./methods.ts";
import { withParts } from "./parts.ts";

const began = new WeakMap<Request, number>();
const changes = (request: Request, path: string) =>
  !["GET", "HEAD", "OPTIONS"].includes(request.method) || isChangeByGet(path);
const REFUSALS = [401, 403, 429];

/** What every request leaves behind: a line in the log, and an event if it was refused. */
export const withTrail = new Elysia({ name: "trail" })
  .use(withParts)
  .onRequest(({ parts, request, server }) => {
    began.set(request, performance.now());
    noteOrigin(request, server, parts().config.http.proxySecret);
  })
  .onAfterResponse({ as: "global" }, async ({ parts, request, set }) => {
    const path = pathOf(request).slice(0, 200);
    const error = errorOf(request);
    const status = error?.status ?? Number(set.status ?? 200);
    const actor = actorOf(request);
    const { log } = parts();
    const refused = error !== undefined && REFUSALS.includes(status);
    // nginx logs every request already, so refusals, of which there may be many, don't get a second line.
    const notable = !refused && (error !== undefined || changes(request, path));
    log(status >= 500 ? "warn" : notable ? "info" : "debug", "request", {
      request: requestId(request),
      method: request.method,
      path,
      status,
      ...(error ? { code: error.code } : {}),
      ms: Math.round(performance.now() - (began.get(request) ?? performance.now())),
      actor: actor.name,
      address: actor.address,
    });
    if (!error || !refused) return;
    try {
      await recordRefusal(actingAs(parts(), actor), `${request.method} ${path}`, error);
    } catch (problem) {
      log("warn", "could not record a refusal", { reason: reasonOf(problem) });
    }
  });
