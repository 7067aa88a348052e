import { Elysia, t } from "elysia";
import { withDeps } from "../../http/deps.ts";
import { Problem } from "../../http/models/problem.ts";
import { Released, reservationId } from "../../http/models/released.ts";
import { NewReservation, newReservationOf, reservationOf } from "../../http/models/reservation.ts";
import { userSeenBy } from "../../pool/identity/principal.ts";
import { release } from "../../pool/reservations/release.ts";
import { viewReservation } from "../../pool/reservations/view.ts";
import { collectLater } from "../../pool/reservations/waiting/collect.ts";

/** GET and DELETE /reservations/:id. */
export default new Elysia({ name: "reservation", normalize: false, tags: ["reservations"] })
  .use(withDeps)
  .get(
    "/reservations/:id",
    async ({ deps, params: { id }, principal, query, request, set }) => {
      set.headers["cache-control"] = "no-store";
      if (request.method === "HEAD")
        return reservationOf(await viewReservation(deps, id, userSeenBy(principal)), principal);
      const seen = await collectLater(deps, id, principal, query.wait ?? 0, request.signal);
      return newReservationOf(seen, principal);
    },
    {
      role: "viewer",
      params: reservationId,
      query: t.Object(
        {
          wait: t.Optional(
            t.Integer({
              title: "wait",
              minimum: 0,
              maximum: 150,
              default: 0,
              description:
                "responds when its state changes (not to preparing), or after so many seconds: 0 to 150",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      response: {
        200: NewReservation,
        400: Problem,
        404: Problem,
        503: Problem,
      },
      detail: { operationId: "getReservation", summary: "Show a reservation" },
    },
  )
  .delete(
    "/reservations/:id",
    async ({ deps, params: { id }, status, principal }) => {
      const { clean, pending, inProgress } = await release(deps, id, userSeenBy(principal));
      if (pending.length === 0) return { message: "Reservation released", id, released: clean, pending };
      const message =
        inProgress.length === pending.length
          ? "Release in progress; the machines are being cleaned"
          : "Reservation ended; some machines could not be cleaned yet and will be retried";
      return status(202, { message, id, released: clean, pending });
    },
    {
      role: "user",
      params: reservationId,
      response: { 200: Released, 202: Released, 400: Problem, 404: Problem, 503: Problem },
      detail: {
        operationId: "releaseReservation",
        summary: "Release a reservation",
      },
    },
  )
  .compile();
