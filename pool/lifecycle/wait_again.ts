import { and, eq } from "drizzle-orm";
import { inSeconds, matched, type Tx } from "../../db/client.ts";
import { RESERVATION_KIND, reservations } from "../../db/schema/reservations.ts";
import { record } from "../audit/events.ts";
import type { LifecycleDeps } from "./deps.ts";
import { reservationMay, reservationMoves } from "./states.ts";

/**
 * Lets a reservation that came from the queue or the calendar wait again: its preparation failed for no fault of its own.
 * @param reason for whoever asked for it
 * @param seconds before it is tried again
 * @returns whether it does; one that never waited fails instead
 */
export async function waitAgain(
  deps: Pick<LifecycleDeps, "actor">,
  tx: Tx,
  id: string,
  reason: string,
  seconds: number,
): Promise<boolean> {
  let waits = 0;
  for (const [kind, move] of [
    [RESERVATION_KIND.queue, "requeue"],
    [RESERVATION_KIND.booking, "rebook"],
  ] as const)
    waits += matched(
      await tx
        .update(reservations)
        .set({
          ...reservationMoves(move),
          delay: reason,
          notBefore: inSeconds(seconds),
          // A booking's start stands; who waits has none until the next plan.
          ...(move === "requeue" ? { startsAt: null } : {}),
        })
        .where(and(eq(reservations.id, id), eq(reservations.kind, kind), reservationMay(move))),
    );
  if (waits > 0) await record(deps, tx, "reservation.requeued", id, { reason });
  return waits > 0;
}
