import { Elysia } from "elysia";
import type { Deps } from "../../deps.ts";
import { type Actor, actingAs } from "../../pool/audit/deps.ts";
import { findToken, mayAct, OPEN_API, type Principal, type Role } from "../../pool/identity/principal.ts";
import { findSession, type Session } from "../../pool/identity/sessions.ts";
import { requestId } from "../errors.ts";
import { withParts } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import { checkCsrf, secretIn } from "./cookie.ts";
import { isOpen, isPage, loginFor } from "./open.ts";
import { addressOf } from "./proxy.ts";
import { enforceRate } from "./rate.ts";

interface Known {
  principal: Principal;
  /** set when the request came with a session rather than a token */
  session?: Session & { secret: string };
}

const known = new WeakMap<Request, Known>();

/** The session a request came with; undefined if it came with a token. */
export const sessionOf = (request: Request) => known.get(request)?.session;

/** @returns undefined if the caller is not known */
async function authenticate(deps: Deps, request: Request, isUse = true): Promise<Known | undefined> {
  const header = request.headers.get("authorization") ?? "";
  // The scheme is case-insensitive (RFC 9110, section 11.1).
  const token = /^Bearer +([!-~]{1,256})$/i.exec(header)?.[1];
  if (token !== undefined) {
    const principal = await findToken(deps, token);
    if (principal) return { principal };
  } else {
    const secret = secretIn(request);
    const session = secret === undefined ? undefined : await findSession(deps, secret, isUse);
    if (secret !== undefined && session)
      return { principal: session.principal, session: { ...session, secret } };
  }
  // An open API asks for nothing, but still honours a valid token or session.
  return deps.adminToken ? undefined : { principal: OPEN_API };
}

/** Who a request's token or session belongs to now; undefined: it isn't valid any more. Keeps no idle session alive. */
export const principalAgain = async (deps: Deps, request: Request): Promise<Principal | undefined> =>
  (await authenticate(deps, request, false))?.principal;

/** On whose behalf a request is made, as far as that is known. */
export function actorOf(request: Request): Actor {
  return {
    name: known.get(request)?.principal.name ?? "nobody",
    address: addressOf(request),
    requestId: requestId(request),
  };
}

interface Context {
  request: Request;
  parts: () => Deps;
}

/** Changes made by the request are recorded under its principal. */
const onItsBehalf = ({ request, parts }: Context): Deps => actingAs(parts(), actorOf(request));

/** What a route demands of its callers. @param byCookie whether a browser session is enough */
function asks(needed: Role, byCookie: boolean) {
  return {
    transform: ({ request }: { request: Request }) => {
      const { principal, session } = known.get(request) ?? {};
      if (session && !byCookie)
        throw new HttpProblem(
          "unauthorized",
          "A GET that changes something does not accept a session: send a token, or use POST",
        );
      if (!principal || !mayAct(principal.role, needed))
        throw new HttpProblem(
          "forbidden",
          `This requires the role '${needed}'; yours is '${principal?.role ?? "none"}'`,
        );
    },
    resolve: (context: { request: Request; parts?: unknown }) => ({
      principal: known.get(context.request)?.principal as Principal,
      deps: onItsBehalf(context as Context),
    }),
  };
}

/**
 * Authentication, before anything else in a request is looked at. A route declares who may use it: `role` gives it
 * `principal` and `deps`, `roleByToken` does the same for a GET that changes something, and `anybody` needs no principal.
 */
export const withPrincipal = new Elysia({ name: "principal" })
  .use(withParts)
  .onRequest(async ({ parts, request, set }) => {
    if (isOpen(request)) return;
    const deps = parts();
    const found = await authenticate(deps, request);
    if (found) {
      // First, so that a refusal is recorded under their name.
      known.set(request, found);
      enforceRate(found.principal, deps.config.http.maxRequestsPerMinute);
      if (found.session) checkCsrf(request, found.session.secret);
      return;
    }
    if (isPage(request) && request.headers.get("accept")?.includes("text/html")) {
      set.status = 303; // for the log
      return new Response(null, {
        status: 303,
        headers: { Location: loginFor(request), "Cache-Control": "no-store" },
      });
    }
    const sent = request.headers.has("authorization");
    throw new HttpProblem(
      "unauthorized",
      sent ? "Invalid or expired token" : "Send a token: Authorization: Bearer TOKEN",
    );
  })
  .macro({
    role: (needed: Role) => asks(needed, true),
    roleByToken: (needed: Role) => asks(needed, false),
    anybody: (_: true) => ({
      resolve: (context: { request: Request; parts?: unknown }) => ({
        deps: onItsBehalf(context as Context),
      }),
    }),
  });
