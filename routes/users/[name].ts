import { Elysia, t } from "elysia";
import { withJsonBody } from "../../http/body.ts";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/errors.ts";
import { ApiUser, Limits, Role, userOf } from "../../http/models.ts";
import { changeUser, deleteUser } from "../../pool/users.ts";

const params = t.Object({ name: t.String({ maxLength: 64, description: "a user's name" }) });

/** PATCH and DELETE /users/:name. */
export default new Elysia({ name: "one-user", normalize: false, tags: ["users"] })
  .use(withDeps)
  .use(withJsonBody)
  .patch(
    "/users/:name",
    async ({ deps, params: { name }, body }) => {
      const { role, max_machines, max_duration_minutes } = body;
      const change = {
        ...(role === undefined ? {} : { role }),
        ...(max_machines === undefined ? {} : { maxMachines: max_machines }),
        ...(max_duration_minutes === undefined ? {} : { maxDurationMinutes: max_duration_minutes }),
      };
      return userOf(await changeUser(deps, name, change));
    },
    {
      role: "admin",
      params,
      body: t.Object(
        { role: t.Optional(Role), ...Limits },
        {
          additionalProperties: false,
          minProperties: 1,
          description: "must be a JSON object with role, max_machines or max_duration_minutes",
          examples: [{ role: "viewer" }],
        },
      ),
      response: { 200: ApiUser, 400: Problem, 404: Problem, 413: Problem, 415: Problem, 503: Problem },
      detail: {
        summary: "Give a user another role or other limits",
        description: "Their tokens count for no more than it, at once.",
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
        summary: "Delete a user",
        description:
          "Their tokens stop counting at once; their reservations are released and the accounts removed.",
      },
    },
  )
  .compile();
