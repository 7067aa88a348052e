import { and, eq } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { reservationMay, reservationMoves } from "../../lifecycle/states.ts";
import { endOf } from "../../planning/place.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "../steps/allocate.ts";
import { remadePassword } from "../steps/request.ts";
import { takeThese } from "../steps/take.ts";
import { takeUid } from "../steps/uid.ts";
import { type Entry, MINUTE, wantedOf } from "./world.ts";

/**
 * Claims machines for a reservation whose time has come; their rows are locked, and they are free.
 * @param at now, in ms
 * @throws TooFew; PoolError no_uid_free
 */
export async function start(
  deps: ReservationsDeps,
  tx: Tx,
  entry: Entry,
  ids: string[],
  at: number,
): Promise<Allocated> {
  const { id, fixed, floor, duration, told, row } = entry;
  const { username } = row;
  // A booking's accounts are made before its start, and its end is fixed.
  const durationMinutes = fixed ? Math.ceil((floor + duration - at) / MINUTE) : row.durationMinutes;
  const wanted = wantedOf(row);
  // As it was planned, with the time that making the accounts takes: who is promised the machines meanwhile must not cut it.
  const until = new Date(fixed ? floor + duration : endOf(at, entry, Math.min(at, told?.startsAt ?? at)));
  const claim = { reservationId: id, count: ids.length, durationMinutes, until, wanted };
  const taken = await takeThese(deps, tx, claim, ids);
  // A machine gives no uid twice: one that it had for an earlier try would be refused where that got as far as an account.
  const uid = await takeUid(deps, tx, taken, 0);
  await tx.delete(commitments).where(eq(commitments.reservationId, id));
  await tx
    .update(reservations)
    .set({ ...reservationMoves("start"), uid, endsAt: until, ...(await remadePassword(deps, tx, row)) })
    .where(and(eq(reservations.id, id), reservationMay("start")));
  await record(deps, tx, "reservation.claimed", id, { username, machines: taken.map(({ name }) => name) });
  return { id, username, durationMinutes, wanted, machines: taken, uid };
}
