import { Elysia } from "elysia";
import { config } from "../config.ts";
import { deps } from "../deps.ts";
import type { PoolDeps } from "../pool/deps.ts";
import type { Actor } from "../pool/events.ts";
import { findToken, type Identity, mayAct, OPEN_API, type Role } from "../pool/identity.ts";
import { findSession, type Session } from "../pool/sessions.ts";
import { checkCsrf, secretIn } from "./cookie.ts";
import { requestId } from "./errors.ts";
import { isOpen, isPage } from "./open.ts";
import { HttpProblem } from "./problem.ts";
import { addressOf, type Server } from "./proxy.ts";
import { holdToRate } from "./rate.ts";

interface Context {
  request: Request;
  deps: PoolDeps;
  server: Server;
}

interface Asker {
  identity: Identity;
  /** when it is a session that counts here, and not a token */
  session?: Session & { secret: string };
}

const asking = new WeakMap<Request, Asker>();

/** The session by which a request came in; undefined for one with a token. */
export const sessionOf = (request: Request) => asking.get(request)?.session;

/** @returns undefined for nobody that we know */
async function identify(request: Request): Promise<Asker | undefined> {
  const header = request.headers.get("authorization") ?? "";
  const token = /^Bearer ([!-~]{1,256})$/.exec(header)?.[1];
  if (token !== undefined) {
    const identity = await findToken(deps(), token);
    if (identity) return { identity };
  } else {
    const secret = secretIn(request);
    const session = secret === undefined ? undefined : await findSession(deps(), secret);
    if (secret !== undefined && session)
      return { identity: session.identity, session: { ...session, secret } };
  }
  // An open API asks for nothing; what counts is heeded all the same.
  return config().adminToken ? undefined : { identity: OPEN_API };
}

/** In whose name a request is made, as far as it is known. */
export function actorOf({ request, server }: Pick<Context, "request" | "server">): Actor {
  return {
    name: asking.get(request)?.identity.name ?? "nobody",
    address: addressOf(request, server),
    requestId: requestId(request),
  };
}

/** What the request changes is recorded in its name. (Elysia hands out `server` only to who names it.) */
const onItsBehalf = ({ request, server, deps }: Context): PoolDeps =>
  Object.create(deps, { actor: { value: actorOf({ request, server }) } });

/** What a route asks of those who use it. @param byCookie whether a browser's session will do */
function asks(needed: Role, byCookie: boolean) {
  return {
    transform: ({ request }: { request: Request }) => {
      const { identity, session } = asking.get(request) ?? {};
      if (session && !byCookie)
        throw new HttpProblem(
          401,
          "unauthorized",
          "A GET that changes something takes no session: send a token, or use POST",
        );
      if (!identity || !mayAct(identity.role, needed))
        throw new HttpProblem(
          403,
          "forbidden",
          `This takes the role '${needed}'; yours is '${identity?.role ?? "none"}'`,
        );
    },
    resolve: ({ request, server, deps }: { request: Request; server?: unknown; deps?: unknown }) => ({
      user: asking.get(request)?.identity as Identity,
      deps: onItsBehalf({ request, server, deps } as Context),
    }),
  };
}

/**
 * Who asks: found before anything else of a request is looked at. A route says with `role` who may use it, and gets
 * `user`; with `roleByToken` when it is a GET that changes something, and with `anybody` when it asks nobody.
 */
export const withUser = new Elysia({ name: "user" })
  .onRequest(async ({ request, set }) => {
    if (isOpen(request)) return;
    const asker = await identify(request);
    if (asker) {
      // First, so that a refusal is recorded in their name.
      asking.set(request, asker);
      holdToRate(asker.identity);
      if (asker.session) checkCsrf(request, asker.session.secret);
      return;
    }
    if (isPage(request) && request.headers.get("accept")?.includes("text/html")) {
      set.status = 303; // for the log
      return new Response(null, {
        status: 303,
        headers: { Location: "/login", "Cache-Control": "no-store" },
      });
    }
    throw new HttpProblem(401, "unauthorized", "Send a token that counts: Authorization: Bearer TOKEN");
  })
  .macro({
    role: (needed: Role) => asks(needed, true),
    roleByToken: (needed: Role) => asks(needed, false),
    anybody: (_: true) => ({
      resolve: ({ request, server, deps }: { request: Request; server?: unknown; deps?: unknown }) => ({
        deps: onItsBehalf({ request, server, deps } as Context),
      }),
    }),
  });
