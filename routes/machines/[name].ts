import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { ChangedMachine, HostKey, Labels, Machine, machineOf, shownOf } from "../../http/models/machine.ts";
import { Problem } from "../../http/models/problem.ts";
import { changeMachine } from "../../pool/machines/change.ts";
import { removeMachine } from "../../pool/machines/remove.ts";
import { shownBy } from "../../pool/machines/shown.ts";
import { viewMachine } from "../../pool/machines/view.ts";

const params = t.Object({ name: t.String({ maxLength: 63, description: "a machine's name" }) });

/** GET, PATCH and DELETE /machines/:name. */
export default new Elysia({ name: "machine", normalize: false, tags: ["machines"] })
  .use(withDeps)
  .get(
    "/machines/:name",
    async ({ deps, params: { name }, principal }) => machineOf(await viewMachine(deps, name), principal),
    {
      role: "viewer",
      params,
      response: { 200: Machine, 400: Problem, 404: Problem, 503: Problem },
      detail: { operationId: "getMachine", summary: "Show a machine" },
    },
  )
  .patch(
    "/machines/:name",
    async ({ deps, params: { name }, query, body, principal }) => {
      if (query.dry_run) return shownOf(await shownBy(deps, name));
      const { drained, labels, host_key: hostKey, retry } = body;
      return machineOf(await changeMachine(deps, name, { drained, labels, hostKey, retry }), principal);
    },
    {
      role: "admin",
      params,
      query: t.Object(
        {
          dry_run: t.Optional(
            t.Boolean({
              default: false,
              description:
                "true or false; true: changes nothing and doesn't log in, only says which host key the machine shows now",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      body: t.Object(
        {
          drained: t.Optional(
            t.Boolean({ description: "true or false; true: it is not offered again once it is free" }),
          ),
          labels: t.Optional(Labels),
          host_key: t.Optional(HostKey),
          retry: t.Optional(
            t.Literal(true, {
              description:
                "true: a quarantined machine is tried again now; the response says how that ended. Others are left alone",
            }),
          ),
        },
        {
          additionalProperties: false,
          minProperties: 1,
          description: "must be a JSON object with drained, labels, host_key or retry",
          examples: [{ drained: true }],
        },
      ),
      response: {
        200: ChangedMachine,
        400: Problem,
        404: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "changeMachine",
        summary: "Drain a machine, change its labels, accept its new host key, or try it again",
        description:
          "A machine that was quarantined for its host key is tried again with the new one within seconds, or with retry before the response.",
      },
    },
  )
  .delete(
    "/machines/:name",
    async ({ deps, params: { name }, query }) => {
      const { clean } = await removeMachine(deps, name, query.force ?? false);
      return { message: `Machine '${name}' removed`, clean };
    },
    {
      role: "admin",
      params,
      query: t.Object(
        {
          force: t.Optional(
            t.Boolean({
              title: "force",
              default: false,
              description: "true or false; true: even if it is reserved",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: t.Object({
          message: t.String(),
          clean: t.Boolean({ description: "false: it did not respond, so an account may be left on it" }),
        }),
        400: Problem,
        404: Problem,
        409: Problem,
        503: Problem,
      },
      detail: { operationId: "removeMachine", summary: "Remove a machine from the pool" },
    },
  )
  .compile();
