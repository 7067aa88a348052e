import { and, asc, eq, sql } from "drizzle-orm";
import { machines, type ReservationState, reservations } from "../../db/schema/pool.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { isFaultKind } from "../accounts/faults.ts";
import { PoolError } from "../errors.ts";
import type { Principal } from "../identity/principal.ts";
import { HELD, MACHINE, machineIn, RESERVATION } from "../lifecycle/states.ts";
import type { ReservationsDeps } from "./deps.ts";

export interface ReservationView {
  id: string;
  username: string;
  state: ReservationState;
  /** why it failed; in a machine's own words when `fault` has the kind of it */
  reason: string | null;
  fault: string | null;
  machines: { machine: string; host: string; port: number }[];
  reservedUntil: Date;
  durationMinutes: number;
}

/** One machine of an active reservation. */
export interface ReservationRow {
  id: string;
  username: string;
  machine: string;
  host: string;
  port: number;
  expiresAt: Date;
  /** by the database's clock; never below 0 */
  secondsLeft: number;
}

/** A condition: the reservation is this user's; without one, anybody's. */
export const ownedBy = (owner: string | undefined) =>
  owner === undefined ? undefined : eq(reservations.userId, owner);

/**
 * One reservation with the machines that it has now.
 * @param owner a user's id: others' are not there for them
 * @throws PoolError reservation_not_found
 */
export async function viewReservation(
  deps: ReservationsDeps,
  id: string,
  owner?: string,
): Promise<ReservationView> {
  const [row] = await deps.db
    .select()
    .from(reservations)
    .where(and(eq(reservations.id, id), ownedBy(owner)));
  if (!row) throw new PoolError("reservation_not_found", `There is no reservation '${id}'`);
  const held = await deps.db
    .select({ machine: machines.name, host: machines.host, port: machines.port })
    .from(machines)
    .where(and(eq(machines.reservationId, id), machineIn(HELD)))
    .orderBy(asc(machines.name));
  return {
    id,
    username: row.username,
    state: row.state,
    reason: row.reason,
    fault: row.fault,
    machines: held,
    reservedUntil: row.endsAt,
    durationMinutes: row.durationMinutes,
  };
}

/** The active reservations, a row a machine, the next to end first. */
export function listReservations(deps: ReservationsDeps, owner?: string): Promise<ReservationRow[]> {
  return deps.db
    .select({
      id: reservations.id,
      username: reservations.username,
      machine: machines.name,
      host: machines.host,
      port: machines.port,
      expiresAt: reservations.endsAt,
      secondsLeft:
        sql<number>`GREATEST(0, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), ${reservations.endsAt}) / 1000000)`.mapWith(
          Number,
        ),
    })
    .from(reservations)
    .innerJoin(machines, eq(machines.reservationId, reservations.id))
    .where(
      and(eq(reservations.state, RESERVATION.active), eq(machines.state, MACHINE.reserved), ownedBy(owner)),
    )
    .orderBy(asc(reservations.endsAt), asc(machines.name));
}

/** Why a reservation failed, in the words that somebody may read. */
export function reasonFor({ reason, fault }: ReservationView, { role }: Principal): string | null {
  if (fault === null || role === "admin") return reason;
  return isFaultKind(fault) ? FAULT_WORDS[fault] : "a machine failed";
}
