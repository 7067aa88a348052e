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
            t.Nullable(LoginPassword, { description: `${LoginPassword.description}; null: none` }),
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
        summary: "Give a user another role, password or other limits",
        description:
          "Their tokens count for no more than the role, at once. Another password, or none, ends the sessions that began with the old one.",
      },
    },
  )
  .delete(
    "/users/:name",
    async ({ deps, params: { name } }) => {
      const { clean, pending } = await deleteUser(deps, name);
      return {
        message: `User '${name}' deleted, their tokens and reservations with them`,
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
          released: t.Array(t.String(), { description: "machines that are clean and free again" }),
          pending: t.Array(t.String(), { description: "machines that are retried until they are clean" }),
        }),
        400: Problem,
        404: Problem,
        503: Problem,
      },
      detail: {
        operationId: "deleteUser",
        summary: "Delete a user",
        description:
          "Their tokens stop counting at once; their reservations are released and the accounts removed.",
      },
    },
  )
  .compile();
