import { and, eq, sql } from "drizzle-orm";
import { inSeconds, matched, now, type Tx } from "../../db/client.ts";
import { commitments } from "../../db/schema/calendar.ts";
import { RESERVATION_KIND, reservations } from "../../db/schema/reservations.ts";
import { record } from "../audit/events.ts";
import type { LifecycleDeps } from "./deps.ts";
import { HELD, reservationMay, reservationMoves } from "./states.ts";

/**
 * Promises a booking the machines that it still holds: whoever comes while they are cleaned doesn't get them. Nobody else was
 * promised them before its end, for it held them.
 */
async function keepMachines(tx: Tx, id: string): Promise<void> {
  await tx.execute(sql`INSERT IGNORE INTO ${commitments} (reservation_id, machine_id, busy_from, starts_at, ends_at)
    SELECT r.id, m.id, ${now}, r.starts_at, r.ends_at
    FROM reservations r JOIN machines m ON m.reservation_id = r.id AND m.state IN ${HELD} WHERE r.id = ${id}`);
}

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
  ] as const) {
    const mine = matched(
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
    if (mine > 0 && move === "rebook") await keepMachines(tx, id);
    waits += mine;
  }
  if (waits > 0) await record(deps, tx, "reservation.requeued", id, { reason });
  return waits > 0;
}
