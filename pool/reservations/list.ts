import { and, asc, eq, sql } from "drizzle-orm";
import { users } from "../../db/schema/identity.ts";
import { machines } from "../../db/schema/pool.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { MACHINE, RESERVATION } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { ReservationsDeps } from "./deps.ts";
import {
  isHoldOf,
  ofUser,
  PLACE,
  type Place,
  placesOf,
  type ReservationView,
  slotName,
  VIEW,
} from "./view.ts";

/** One machine of an active reservation, with the whole reservation. */
export interface ReservationRow extends ReservationView, Place {
  endsAt: Date;
  /** by the database's clock; never below 0 */
  secondsLeft: number;
}

/**
 * Each row holds its whole reservation. A reservation of a thousand machines has a thousand rows with a thousand machines
 * each, so a page ends before it has more places than this.
 */
const MOST_PLACES = 50_000;

/** How many of the rows fit on a page. */
export function fitting(rows: { id: string }[], places: Map<string, Place[]>): number {
  let sum = 0;
  for (const [n, { id }] of rows.entries()) {
    sum += places.get(id)?.length ?? 0;
    if (sum > MOST_PLACES) return Math.max(n, 1);
  }
  return rows.length;
}

/**
 * The active reservations, one row per machine, the next to end first.
 * @param userId only this user's
 */
export async function listReservations(
  deps: ReservationsDeps,
  { limit, after }: PageInput,
  userId?: string,
): Promise<Page<ReservationRow>> {
  const secondsLeft = sql<number>`GREATEST(0, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), ${reservations.endsAt}) / 1000000)`;
  const order = [reservations.endsAt, machines.name];
  const parse = ([endsAt = "", machine]: string[]) => [new Date(endsAt), machine];
  const rows = await deps.db
    .select({
      ...VIEW,
      ...PLACE,
      slot: holds.slot,
      endsAt: reservations.endsAt,
      secondsLeft: secondsLeft.mapWith(Number),
    })
    .from(reservations)
    .innerJoin(machines, eq(machines.reservationId, reservations.id))
    .innerJoin(holds, isHoldOf)
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(
      and(
        eq(reservations.state, RESERVATION.active),
        eq(machines.state, MACHINE.reserved),
        ofUser(userId),
        isAfter(order, after, { parse }),
      ),
    )
    .orderBy(...order.map((column) => asc(column)))
    .limit(limit + 1);
  const places = await placesOf(deps, [...new Set(rows.map(({ id }) => id))]);
  const whole = rows.map((row) => ({
    ...row,
    slot: slotName(row.slot),
    machines: places.get(row.id) ?? [],
  }));
  return pageOf(whole, Math.min(limit, fitting(rows, places)), ({ endsAt, machine }) => [
    endsAt.toISOString(),
    machine,
  ]);
}
