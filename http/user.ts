import { Elysia } from "elysia";
import { config } from "../config.ts";
import { deps } from "../deps.ts";
import type { PoolDeps } from "../pool/deps.ts";
import type { Actor } from "../pool/events.ts";
import { findToken, type Identity, mayAct, type Role, sameSecret } from "../pool/identity.ts";
import { HttpProblem, requestId } from "./errors.ts";

/** Answered to everybody: signs of life, and the description of the API, which holds nothing of the pool. */
export const isOpen = (path: string) => /^\/(healthz|readyz|swagger(\/.*)?)$/.test(path);

const OPEN_API: Identity = { name: "open", role: "admin", userId: null, userName: null };
const ADMIN: Identity = { name: "ADMIN_TOKEN", role: "admin", userId: null, userName: null };

interface Context {
  request: Request;
  deps: PoolDeps;
  server: { requestIP(request: Request): { address: string } | null } | null;
}

const asking = new WeakMap<Request, Identity>();

/** In whose name a request is made, as far as it is known. */
export function actorOf({ request, server }: Pick<Context, "request" | "server">): Actor {
  const address = request.headers.get("x-forwarded-for") ?? server?.requestIP(request)?.address ?? "";
  return {
    name: asking.get(request)?.name ?? "nobody",
    address: address.slice(0, 64),
    requestId: requestId(request),
  };
}

async function identify(request: Request): Promise<Identity> {
  const { adminToken } = config();
  const header = request.headers.get("authorization");
  const token = /^Bearer ([!-~]{1,256})$/.exec(header ?? "")?.[1];
  const found =
    token === undefined
      ? undefined
      : adminToken && sameSecret(token, adminToken)
        ? ADMIN
        : await findToken(deps(), token);
  // An open API asks for no token; one that counts is heeded all the same.
  if (!found && !adminToken) return OPEN_API;
  if (!found)
    throw new HttpProblem(401, "unauthorized", "Send a token that counts: Authorization: Bearer TOKEN");
  return found;
}

/**
 * Who asks: found before anything else of a request is looked at. A route says with `role` who may use it, and gets
 * `user`.
 */
export const withUser = new Elysia({ name: "user" })
  .onRequest(async ({ request }) => {
    if (!isOpen(new URL(request.url).pathname)) asking.set(request, await identify(request));
  })
  .macro({
    role: (needed: Role) => ({
      transform: ({ request }: { request: Request }) => {
        const has = asking.get(request)?.role;
        if (!has || !mayAct(has, needed))
          throw new HttpProblem(
            403,
            "forbidden",
            `This takes the role '${needed}'; yours is '${has ?? "none"}'`,
          );
      },
      // What the request changes is recorded in its name.
      resolve: (context: { request: Request }) => {
        const { request, deps: all } = context as Context;
        const user = asking.get(request) as Identity;
        const actor = actorOf(context as Context);
        return { user, deps: Object.create(all, { actor: { value: actor } }) as PoolDeps };
      },
    }),
  });
