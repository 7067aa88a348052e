import { and, eq, inArray, isNull, or, sql } from "drizzle-orm";
import { inMinutes, matched, now, type Tx, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds, RESERVATION_KIND, reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import {
  HELD,
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
 * When its time is up: so many minutes from now. If the preparation took unusually long, a start that was told to somebody
 * else on one of its machines comes first. (Not on one that failed, and waits to be cleaned.)
 */
async function endOf(tx: Tx, id: string, durationMinutes: number) {
  const promised = await tx.execute(
    sql`SELECT MIN(c.busy_from - INTERVAL m.turnaround_ms * 1000 MICROSECOND) AS at FROM commitments c
      JOIN machines m ON m.id = c.machine_id WHERE m.reservation_id = ${id} AND m.state IN ${HELD}
      AND c.reservation_id <> ${id} AND c.ends_at > ${now}`,
  );
  const [{ at }] = promised[0] as unknown as [{ at: string | null }];
  return at === null ? inMinutes(durationMinutes) : sql`LEAST(${inMinutes(durationMinutes)}, ${at})`;
}

/**
 * Commits that the accounts exist; the reservation's time starts now. The credential has been used, and is erased if no replacement
 * can need it.
 * @throws PoolError reservation_lost when it was ended in the meantime, or one of its machines was taken over
 */
export function confirm(deps: ReservationsDeps, prepared: Prepared): Promise<void> {
  const { id, durationMinutes } = prepared;
  // If it is already confirmed, that was us, in a COMMIT whose answer was lost.
  const confirmed = eq(reservations.state, RESERVATION.active);
  const booked = eq(reservations.kind, RESERVATION_KIND.booking);
  const ours = and(machineMay("confirm"), eq(machines.leaseWorker, deps.worker));
  return transact(deps.db, async (tx) => {
    const mine = matched(
      await tx
        .update(reservations)
        .set({
          ...reservationMoves("confirm"),
          // A booking's times are fixed.
          startsAt: sql`IF(${booked}, ${reservations.startsAt}, ${now})`,
          endsAt: sql`IF(${booked}, ${reservations.endsAt}, ${await endOf(tx, id, durationMinutes)})`,
          delay: null,
          // A replacement will need it.
          credential: sql`IF(${reservations.replace}, ${reservations.credential}, NULL)`,
        })
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
    // Not those that were swapped, and are being cleaned.
    const made = inArray(
      holds.machineId,
      prepared.machines.map((machine) => machine.id),
    );
    await tx
      .update(holds)
      .set({ confirmedAt: now })
      .where(and(eq(holds.reservationId, id), isNull(holds.releasedAt), made));
    await record(deps, tx, "reservation.confirmed", id, { machines: ready, minutes: durationMinutes });
  });
}
