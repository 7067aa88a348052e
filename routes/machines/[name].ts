import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/errors.ts";
import { Machine, machineOf } from "../../http/models.ts";
import { viewMachine } from "../../pool/machines.ts";
import { removeMachine } from "../../pool/remove_machine.ts";

const params = t.Object({ name: t.String({ maxLength: 63, description: "a machine's name" }) });

/** GET and DELETE /machines/:name. */
export default new Elysia({ name: "machine", normalize: false, tags: ["machines"] })
  .use(withDeps)
  .get("/machines/:name", async ({ deps, params: { name } }) => machineOf(await viewMachine(deps, name)), {
    params,
    response: { 200: Machine, 400: Problem, 404: Problem, 503: Problem },
    detail: { summary: "One machine" },
  })
  .delete(
    "/machines/:name",
    async ({ deps, params: { name }, query }) => {
      const { clean } = await removeMachine(deps, name, query.force ?? false);
      return { message: `Machine '${name}' removed`, clean };
    },
    {
      params,
      query: t.Object(
        {
          force: t.Optional(
            t.Boolean({ title: "force", description: "true or false; true: also while somebody holds it" }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          message: t.String(),
          clean: t.Boolean({ description: "false: it did not answer, an account may be left on it" }),
        }),
        400: Problem,
        404: Problem,
        409: Problem,
        503: Problem,
      },
      detail: { summary: "Remove a machine from the pool" },
    },
  )
  .compile();
