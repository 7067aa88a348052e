import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/models/problem.ts";
import { ApiUser, Limits, LoginPassword, Role, userOf } from "../../http/models/user.ts";
import { changeUser } from "../../pool/identity/users.ts";
import { deleteUser } from "../../pool/reservations/delete_user.ts";

const params = t.Object({ name: t.String({ maxLength: 64, description: "a user's name" }) });

/** PATCH and DELETE /users/:name. */
export default new Elysia({ name: "one-user", normalize: false, tags: ["users"] })
  .use(withDeps)
  .patch(
    "/users/:name",
    async ({ deps, params: { name }, body }) => {
      const { role, password, max_machines, max_duration_minutes, max_requests_per_minute } = body;
      const change = {
        ...(role === undefined ? {} : { role }),
        ...(password === undefined ? {} : { password }),
        ...(max_machines === undefined ? {} : { maxMachines: max_machines }),
        ...(max_duration_minutes === undefined ? {} : { maxDurationMinutes: max_duration_minutes }),
        ...(max_requests_per_minute === undefined ? {} : { maxRequestsPerMinute: max_requests_per_minute }),
      };
      return userOf(await changeUser(deps, name, change));
    },
    {
      role: "admin",
      params,
      body: t.Object(
        {
          role: t.Optional(Role),
          ...Limits,
          password: t.Optional(
            t.Nullable(LoginPassword, { description: `${LoginPassword.description}; null removes it` }),
          ),
        },
        {
          additionalProperties: false,
          minProperties: 1,
          description: "must be a JSON object with role, password or limits",
          examples: [{ role: "viewer" }],
        },
      ),
      response: { 200: ApiUser, 400: Problem, 404: Problem, 413: Problem, 415: Problem, 503: Problem },
      detail: {
        operationId: "changeUser",
        summary: "Change a user's role, password or limits",
        description:
          "Takes effect immediately, for their tokens too. Changing or removing the password ends the sessions that used the old one.",
      },
    },
  )
  .delete(
    "/users/:name",
    async ({ deps, params: { name } }) => {
      const { clean, pending } = await deleteUser(deps, name);
      return {
        message: `User '${name}' deleted with their tokens and reservations`,
        released: clean,
        pending,
      };
    },
    {
      role: "admin",
      params,
      response: {
        200: t.Object({
          message: t.String(),
          released: t.Array(t.String(), { description: "machines that are clean and available again" }),
          pending: t.Array(t.String(), {
            description: "machines that are not clean yet; they are retried until they are",
          }),
        }),
        400: Problem,
        404: Problem,
        503: Problem,
      },
      detail: {
        operationId: "deleteUser",
        summary: "Delete a user",
        description:
          "Revokes their tokens immediately, releases their reservations and removes the accounts.",
      },
    },
  )
  .compile();
