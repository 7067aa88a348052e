import { Elysia, t } from "elysia";
import { withDeps } from "../../../http/deps.ts";
import { Problem } from "../../../http/models/problem.ts";
import { Reduced, reservationId } from "../../../http/models/released.ts";
import { MachineNames } from "../../../http/models/request.ts";
import { userSeenBy } from "../../../pool/identity/principal.ts";
import { reduce } from "../../../pool/reservations/slots/reduce.ts";

/** POST /reservations/:id/release: some of its machines. */
export default new Elysia({ name: "release", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .post(
    "/reservations/:id/release",
    async ({ deps, params: { id }, body, status, principal }) => {
      const { clean, pending, left, isOver } = await reduce(deps, id, body.machines, userSeenBy(principal));
      const rest =
        left.length > 0 ? `goes on with ${left.length}` : "waits for another instead of the one that broke";
      const goesOn = `the reservation ${isOver ? "is over" : rest}`;
      const answer = { id, released: clean, pending, machines: left };
      if (pending.length === 0) return { message: `Machines released; ${goesOn}`, ...answer };
      const message = `Some machines are still being cleaned, or are retried until they are clean; ${goesOn}`;
      return status(202, { message, ...answer });
    },
    {
      role: "user",
      params: reservationId,
      body: t.Object(
        { machines: MachineNames("names or slots of its machines") },
        {
          additionalProperties: false,
          description: "must be a JSON object with machines",
          examples: [{ machines: ["node2"] }],
        },
      ),
      response: {
        200: Reduced,
        202: Reduced,
        400: Problem,
        404: Problem,
        409: Problem,
        413: Problem,
        415: Problem,
        503: Problem,
      },
      detail: {
        operationId: "releaseMachines",
        summary: "Release some machines of a reservation",
        description: "The rest goes on; with its last machine, the reservation ends.",
      },
    },
  )
  .compile();
