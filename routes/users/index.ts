import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { next, nextOf, pageIn, pageQuery } from "../../http/models/page.ts";
import { Problem } from "../../http/models/problem.ts";
import { ApiUser, Limits, LoginPassword, Role, UserName, userOf } from "../../http/models/user.ts";
import { createUser, listUsers } from "../../pool/identity/users.ts";

/** GET and POST /users. */
export default new Elysia({ name: "users", normalize: false, tags: ["users"] })
  .use(withDeps)
  .get(
    "/users",
    async ({ deps, query, request, set }) => {
      const page = await listUsers(deps, pageIn(query, request));
      return { users: page.rows.map(userOf), ...nextOf(page, { request, set }) };
    },
    {
      role: "admin",
      query: t.Object(pageQuery(), { additionalProperties: false }),
      response: { 200: t.Object({ users: t.Array(ApiUser), next }), 400: Problem, 503: Problem },
      detail: { operationId: "listUsers", summary: "List the API users" },
    },
  )
  .post(
    "/users",
    async ({ deps, body, status }) => {
      const limits = {
        maxMachines: body.max_machines ?? null,
        maxDurationMinutes: body.max_duration_minutes ?? null,
        maxRequestsPerMinute: body.max_requests_per_minute ?? null,
      };
      const { name, role = "user", password = null } = body;
      return status(201, userOf(await createUser(deps, name, role, limits, password)));
    },
    {
      role: "admin",
      body: t.Object(
        {
          name: UserName,
          role: t.Optional(t.Union(Role.anyOf, { default: "user", description: "viewer, user or admin" })),
          ...Limits,
          password: t.Optional(LoginPassword),
        },
        {
          additionalProperties: false,
          description: "must be a JSON object",
          examples: [{ name: "alice", role: "user" }],
        },
      ),
      response: { 201: ApiUser, 400: Problem, 409: Problem, 413: Problem, 415: Problem, 503: Problem },
      detail: {
        operationId: "createUser",
        summary: "Create a user",
        description: "They authenticate with a token (POST /tokens), or with a password at /login.",
      },
    },
  )
  .compile();
