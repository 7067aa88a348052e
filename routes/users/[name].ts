import { Elysia, t } from "elysia";
import { withJsonBody } from "../../http/body.ts";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/errors.ts";
import { ApiUser, Role, userOf } from "../../http/models.ts";
import { changeUser, deleteUser } from "../../pool/users.ts";

const params = t.Object({ name: t.String({ maxLength: 64, description: "a user's name" }) });

/** PATCH and DELETE /users/:name. */
export default new Elysia({ name: "one-user", normalize: false, tags: ["users"] })
  .use(withDeps)
  .use(withJsonBody)
  .patch(
    "/users/:name",
    async ({ deps, params: { name }, body }) => userOf(await changeUser(deps, name, body.role)),
    {
      role: "admin",
      params,
      body: t.Object(
        { role: Role },
        {
          additionalProperties: false,
          description: "must be a JSON object with role",
          examples: [{ role: "viewer" }],
        },
      ),
      response: { 200: ApiUser, 400: Problem, 404: Problem, 413: Problem, 415: Problem, 503: Problem },
      detail: {
        summary: "Give a user another role",
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
