import { and, eq, isNull, or, sql } from "drizzle-orm";
import { inMinutes, matched, transact } from "../../../db/client.ts";
import { holds, machines, reservations } from "../../../db/schema/pool.ts";
import { record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import {
  MACHINE,
  machineMay,
  machineMoves,
  RESERVATION,
  reservationMay,
  reservationMoves,
} from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Prepared } from "./prepare.ts";

/**
 * Commits that the accounts exist; the reservation's time starts now. The credential has been used, and is erased.
 * @throws PoolError reservation_lost when it was ended in the meantime, or one of its machines was taken over
 */
export function confirm(deps: ReservationsDeps, prepared: Prepared): Promise<void> {
  const { id, durationMinutes } = prepared;
  // If it is already confirmed, that was us, in a COMMIT whose answer was lost.
  const confirmed = eq(reservations.state, RESERVATION.active);
  const ours = and(machineMay("confirm"), eq(machines.leaseWorker, deps.worker));
  return transact(deps.db, async (tx) => {
    const mine = matched(
      await tx
        .update(reservations)
        .set({ ...reservationMoves("confirm"), endsAt: inMinutes(durationMinutes), credential: null })
        .where(and(eq(reservations.id, id), or(reservationMay("confirm"), confirmed))),
    );
    const ready = matched(
      await tx
        .update(machines)
        .set({ ...machineMoves("confirm"), leaseWorker: null, leaseUntil: null })
        .where(and(eq(machines.reservationId, id), or(ours, eq(machines.state, MACHINE.reserved)))),
    );
    if (mine !== 1 || ready !== prepared.machines.length)
      throw new PoolError("reservation_lost", "The reservation ended while it was being prepared; try again");
    // The same clock reading as `ends_at`: what a client subtracts is the duration, to the millisecond.
    const end = tx.select({ at: reservations.endsAt }).from(reservations).where(eq(reservations.id, id));
    await tx
      .update(holds)
      .set({ confirmedAt: sql`${end} - INTERVAL ${durationMinutes} MINUTE` })
      .where(and(eq(holds.reservationId, id), isNull(holds.releasedAt)));
    await record(deps, tx, "reservation.confirmed", id, { machines: ready, minutes: durationMinutes });
  });
}
