import { Elysia, t } from "elysia";
import { cookieFor, NO_COOKIE, secretIn } from "../http/auth/cookie.ts";
import { refuseCrossSite } from "../http/auth/origin.ts";
import { sessionOf } from "../http/auth/principal.ts";
import { withDeps } from "../http/deps.ts";
import { Problem } from "../http/models/problem.ts";
import { SessionInfo, sessionInfoOf } from "../http/models/session.ts";
import { HttpProblem } from "../http/problem.ts";
import { invalid } from "../pool/errors.ts";
import { type Credentials, logIn } from "../pool/identity/login.ts";
import { endSession } from "../pool/identity/sessions.ts";
import { allowancesOf } from "../pool/reservations/limits/allowance.ts";

/** The session of a request. @throws HttpProblem unauthorized, even with a valid token */
function itsSession(request: Request) {
  const session = sessionOf(request);
  if (!session) throw new HttpProblem("unauthorized", "There is no session; log in with POST /session");
  return session;
}

type Body = { [name in "user" | "password" | "token"]?: string };

/** @throws PoolError invalid_request */
function credentialsOf({ user, password, token }: Body): Credentials {
  if (token !== undefined && user === undefined && password === undefined) return { token };
  if (token === undefined && user !== undefined && password !== undefined) return { user, password };
  throw invalid("user", "send either user and password, or token");
}

const short = (what: string, maxLength: number) =>
  t.Optional(t.String({ minLength: 1, maxLength, description: `${what}, 1 to ${maxLength} characters` }));

/** GET, POST and DELETE /session: a browser logs in once. */
export default new Elysia({ name: "session", normalize: false, tags: ["session"] })
  .use(withDeps)
  .get(
    "/session",
    async ({ deps, request, set }) => {
      set.headers["cache-control"] = "no-store";
      const session = itsSession(request);
      return sessionInfoOf(session, await allowancesOf(deps, session.principal.userId));
    },
    {
      role: "viewer",
      response: { 200: SessionInfo, 503: Problem },
      detail: { operationId: "getSession", summary: "Show who is logged in" },
    },
  )
  .post(
    "/session",
    async ({ deps, body, request, set, status }) => {
      const session = await logIn(deps, credentialsOf(body), secretIn(request));
      set.headers["cache-control"] = "no-store";
      set.headers["set-cookie"] = cookieFor(session.secret);
      return status(201, sessionInfoOf(session, await allowancesOf(deps, session.principal.userId)));
    },
    {
      anybody: true,
      body: t.Object(
        {
          user: short("a user's name", 128),
          password: short("the user's password", 128),
          token: short("a token, instead of user and password", 256),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object with user and password, or token",
          examples: [{ user: "alice", password: "a password of alice's" }],
        },
      ),
      response: {
        201: SessionInfo,
        400: Problem,
        401: Problem,
        403: Problem,
        413: Problem,
        415: Problem,
        429: Problem,
        503: Problem,
      },
      // Another site's page must not log anybody in as somebody else without their noticing.
      beforeHandle: refuseCrossSite,
      detail: {
        operationId: "logIn",
        summary: "Log in",
        description:
          "For browsers: sets a session cookie. Every change made with it also needs the header X-CSRF-Token.",
      },
    },
  )
  .delete(
    "/session",
    async ({ deps, request, set, principal }) => {
      await endSession(deps, itsSession(request).secret, principal);
      set.headers["set-cookie"] = NO_COOKIE;
      return { message: "Logged out" };
    },
    {
      role: "viewer",
      response: { 200: t.Object({ message: t.String() }), 503: Problem },
      detail: { operationId: "logOut", summary: "Log out" },
    },
  )
  .compile();
