import { inMinutes, inSeconds, transact } from "../../../db/client.ts";
import { RESERVATION_KIND, reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { reservationMoves } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceLimits } from "../limits/enforce.ts";
import type { Admitted } from "../steps/admit.ts";
import { madeId, unlessRepeated } from "../steps/repeat.ts";
import { requestColumns } from "../steps/request.ts";

/** For the plan that lets a request start at once, although others wait. */
const LEAST_SECONDS = 30;

/**
 * Puts a request into the queue; its place is planned afterwards.
 * @returns its id; undefined when another request with the same Idempotency-Key was first
 * @throws PoolError limit_reached
 */
export async function enqueue(deps: ReservationsDeps, admitted: Admitted): Promise<string | undefined> {
  const { username, count, durationMinutes, waitMinutes } = admitted;
  const id = crypto.randomUUID();
  return unlessRepeated(() =>
    transact(
      deps.db,
      async (tx) => {
        // One that may not wait is here for a moment only: it isn't one of those that its user may have waiting.
        await enforceLimits(deps, tx, admitted, waitMinutes === 0 ? "at once" : "queue");
        await tx.insert(reservations).values({
          ...(await requestColumns(deps, tx, id, admitted)),
          ...reservationMoves("queue"),
          kind: RESERVATION_KIND.queue,
          endsAt: inMinutes(durationMinutes),
          waitUntil: inSeconds(Math.max(60 * waitMinutes, LEAST_SECONDS)),
          startTold: false,
          passwordMade: admitted.credential === null,
        });
        await record(deps, tx, "reservation.queued", id, { username, count, minutes: durationMinutes });
        return id;
      },
      () => madeId(deps, id),
    ),
  );
}
