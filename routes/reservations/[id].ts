import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { time } from "../../http/models/fields.ts";
import { Problem } from "../../http/models/problem.ts";
import { Place } from "../../http/models/reservation.ts";
import { ownerSeenBy } from "../../pool/identity/principal.ts";
import { release } from "../../pool/reservations/release.ts";
import { reasonFor, viewReservation } from "../../pool/reservations/view.ts";

const params = t.Object({ id: t.String({ maxLength: 64, description: "a reservation's id" }) });
const Released = t.Object({
  message: t.String(),
  id: t.String(),
  released: t.Array(t.String(), { description: "machines that are clean and free again" }),
  pending: t.Array(t.String(), { description: "machines that are retried until they are clean" }),
});

/** GET and DELETE /reservations/:id. */
export default new Elysia({ name: "reservation", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations/:id",
    async ({ deps, params: { id }, principal }) => {
      const view = await viewReservation(deps, id, ownerSeenBy(principal));
      return {
        id,
        username: view.username,
        state: view.state,
        reason: reasonFor(view, principal),
        machines: view.machines,
        reserved_until: view.reservedUntil.toISOString(),
        duration_minutes: view.durationMinutes,
      };
    },
    {
      role: "viewer",
      params,
      response: {
        200: t.Object({
          id: t.String(),
          username: t.String(),
          state: t.String({ description: "preparing, active, ending, ended or failed" }),
          reason: t.Nullable(
            t.String({ description: "why it failed; a machine's own words are for admins" }),
          ),
          machines: t.Array(Place),
          reserved_until: time("when the accounts are removed"),
          duration_minutes: t.Integer(),
        }),
        400: Problem,
        404: Problem,
        503: Problem,
      },
      detail: { summary: "One reservation" },
    },
  )
  .delete(
    "/reservations/:id",
    async ({ deps, params: { id }, status, principal }) => {
      const { clean, pending } = await release(deps, id, ownerSeenBy(principal));
      if (pending.length === 0) return { message: "Reservation released", id, released: clean, pending };
      return status(202, {
        message: "Reservation ended; some machines could not be cleaned yet and are retried",
        id,
        released: clean,
        pending,
      });
    },
    {
      role: "user",
      params,
      response: { 200: Released, 202: Released, 400: Problem, 404: Problem, 503: Problem },
      detail: {
        summary: "Release a reservation: its account is gone from every machine when this answers 200",
      },
    },
  )
  .compile();
