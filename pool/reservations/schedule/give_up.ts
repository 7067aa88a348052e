import { and, eq, gt, isNull, or, sql } from "drizzle-orm";
import { matched, now, type Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { endWhenEmpty } from "../../lifecycle/settle.ts";
import { RESERVATION, reservationMay, reservationMoves } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

/** Fails a reservation that has not started. @returns whether it had not */
export async function giveUp(deps: ReservationsDeps, tx: Tx, id: string, reason: string): Promise<boolean> {
  const mine = matched(
    await tx
      .update(reservations)
      .set({ ...reservationMoves("giveUp"), reason, idempotencyKey: null, credential: null })
      .where(and(eq(reservations.id, id), reservationMay("giveUp"))),
  );
  if (mine === 0) return false;
  await tx.delete(commitments).where(eq(commitments.reservationId, id));
  await record(deps, tx, "reservation.failed", id, { reason, fault: null });
  await endWhenEmpty(tx, id);
  return true;
}

/**
 * Fails those that have waited as long as they may. Not those that were told a start within that time: theirs is due now, and
 * if it comes too late, they will be told another.
 */
export async function giveUpOverdue(deps: ReservationsDeps, tx: Tx): Promise<void> {
  const over = await tx
    .select({ id: reservations.id })
    .from(reservations)
    .where(
      and(
        eq(reservations.state, RESERVATION.queued),
        sql`${reservations.waitUntil} <= ${now}`,
        or(isNull(reservations.startsAt), gt(reservations.startsAt, reservations.waitUntil)),
      ),
    );
  for (const { id } of over)
    await giveUp(deps, tx, id, "no machines were free for it in the time that it could wait");
}
