import { Elysia } from "elysia";
import { deps } from "../deps.ts";
import { reasonOf } from "../log.ts";
import type { PoolDeps } from "../pool/deps.ts";
import { recordRefusal } from "../pool/refusals.ts";
import { pathOf } from "./address.ts";
import { errorOf, requestId } from "./errors.ts";
import { addressOf } from "./proxy.ts";
import { actorOf } from "./user.ts";

const began = new WeakMap<Request, number>();
const changes = (request: Request, path: string) =>
  !["GET", "HEAD", "OPTIONS"].includes(request.method) || /^\/(reserve|release_all)\/?$/.test(path);
const REFUSALS = [401, 403, 429];

/** What every request leaves behind when it is over: a line in the log, and a record when it was refused. */
export const withTrail = new Elysia({ name: "trail" })
  .onRequest(({ request, server }) => {
    began.set(request, performance.now());
    addressOf(request, server);
  })
  .onAfterResponse({ as: "global" }, async ({ request, set, server }) => {
    const path = pathOf(request).slice(0, 200);
    const error = errorOf(request);
    const status = error?.status ?? Number(set.status ?? 200);
    const actor = actorOf({ request, server });
    const { log } = deps();
    const refused = error !== undefined && REFUSALS.includes(status);
    // nginx has a line for each request, so a refusal, of which there may be many, is not a second one.
    const told = !refused && (error !== undefined || changes(request, path));
    log(status >= 500 ? "warn" : told ? "info" : "debug", "request", {
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
      const named = Object.create(deps(), { actor: { value: actor } }) as PoolDeps;
      await recordRefusal(named, `${request.method} ${path}`, error);
    } catch (problem) {
      log("warn", "a refusal could not be recorded", { reason: reasonOf(problem) });
    }
  });
