import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { users } from "../../db/schema/identity.ts";
import {
  holds,
  machines,
  RESERVATION_STATES,
  type ReservationState,
  reservations,
} from "../../db/schema/pool.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { isFaultKind } from "../accounts/faults.ts";
import { PoolError } from "../errors.ts";
import type { Principal } from "../identity/principal.ts";
import { HELD, MACHINE, machineIn, RESERVATION } from "../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../page.ts";
import type { ReservationsDeps } from "./deps.ts";

export { RESERVATION_STATES };

export interface Place {
  machine: string;
  host: string;
  port: number;
}

export interface ReservationView {
  id: string;
  /** the name of its accounts */
  username: string;
  /** the API user that it belongs to; null: an admin without a user, an open API, or a deleted user */
  user: string | null;
  state: ReservationState;
  /** why it failed; in a machine's own words if `fault` is set */
  reason: string | null;
  fault: string | null;
  /** the machines that it has now */
  machines: Place[];
  startsAt: Date;
  endsAt: Date;
  durationMinutes: number;
}

/** One machine of an active reservation, with the whole reservation. */
export interface ReservationRow extends ReservationView, Place {
  /** by the database's clock; never below 0 */
  secondsLeft: number;
}

/** A condition: the reservation belongs to this user; undefined: to anybody. */
export const ofUser = (userId: string | undefined) =>
  userId === undefined ? undefined : eq(reservations.userId, userId);

/** Its time starts when its accounts exist; until then, this is when it was requested. */
const startsAt = sql<Date>`COALESCE((SELECT MIN(${holds.confirmedAt}) FROM ${holds} WHERE ${holds.reservationId} = ${reservations.id}), ${reservations.createdAt})`;

const VIEW = {
  id: reservations.id,
  username: reservations.username,
  user: users.name,
  state: reservations.state,
  reason: reservations.reason,
  fault: reservations.fault,
  startsAt: startsAt.mapWith(reservations.createdAt),
  endsAt: reservations.endsAt,
  durationMinutes: reservations.durationMinutes,
};
const PLACE = { machine: machines.name, host: machines.host, port: machines.port };

/** The machines that reservations have now, by name. */
async function placesOf(deps: ReservationsDeps, ids: string[]): Promise<Map<string, Place[]>> {
  if (ids.length === 0) return new Map();
  const rows = await deps.db
    .select({ ...PLACE, id: machines.reservationId })
    .from(machines)
    .where(and(inArray(machines.reservationId, ids), machineIn(HELD)))
    .orderBy(asc(machines.name));
  const places = new Map<string, Place[]>(ids.map((id) => [id, []]));
  for (const { id, ...place } of rows) places.get(id ?? "")?.push(place);
  return places;
}

/**
 * One reservation with the machines that it has now.
 * @param userId finds only this user's
 * @throws PoolError reservation_not_found
 */
export async function viewReservation(
  deps: ReservationsDeps,
  id: string,
  userId?: string,
): Promise<ReservationView> {
  const [row] = await deps.db
    .select(VIEW)
    .from(reservations)
    .leftJoin(users, eq(users.id, reservations.userId))
    .where(and(eq(reservations.id, id), ofUser(userId)));
  if (!row) throw new PoolError("reservation_not_found", `There is no reservation '${id}'`);
  return { ...row, machines: (await placesOf(deps, [id])).get(id) ?? [] };
}

/**
 * Each row holds its whole reservation. A reservation of a thousand machines has a thousand rows with a thousand machines
 * each, so a page ends before it has more places than this.
 */
const MOST_PLACES = 50_000;

/** How many of the rows fit on a page. */
function fitting(rows: { id: string }[], places: Map<string, Place[]>): number {
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
    .select({ ...VIEW, ...PLACE, secondsLeft: secondsLeft.mapWith(Number) })
    .from(reservations)
    .innerJoin(machines, eq(machines.reservationId, reservations.id))
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
  const whole = rows.map((row) => ({ ...row, machines: places.get(row.id) ?? [] }));
  return pageOf(whole, Math.min(limit, fitting(rows, places)), ({ endsAt, machine }) => [
    endsAt.toISOString(),
    machine,
  ]);
}

/** Why a reservation failed, in words that the principal may see. */
export function reasonFor({ reason, fault }: ReservationView, { role }: Principal): string | null {
  if (fault === null || role === "admin") return reason;
  return isFaultKind(fault) ? FAULT_WORDS[fault] : "a machine failed";
}
