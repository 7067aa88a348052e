import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { commitments } from "../../db/schema/calendar.ts";
import { users } from "../../db/schema/identity.ts";
import { machines } from "../../db/schema/pool.ts";
import {
  holds,
  RESERVATION_STATES,
  type ReservationState,
  reservations,
} from "../../db/schema/reservations.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { isFaultKind } from "../accounts/faults.ts";
import { PoolError } from "../errors.ts";
import type { Principal } from "../identity/principal.ts";
import { AHEAD, HELD, machineIn, RESERVATION } from "../lifecycle/states.ts";
import type { ReservationsDeps } from "./deps.ts";

export { RESERVATION_STATES };

export interface Place {
  machine: string;
  host: string;
  port: number;
  /** node1, node2, …: stays when another machine takes its place */
  slot: string;
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
  /** the machines that it has now, by slot; before it starts: those that are planned */
  machines: Place[];
  /** before it starts: as planned; null: no machine can be planned for it */
  startsAt: Date | null;
  endsAt: Date | null;
  /** when the last of its accounts was gone; null: it isn't over */
  endedAt: Date | null;
  durationMinutes: number;
  /** while it waits: its place in the queue, from 1 */
  position: number | null;
  /** its planned start counts on a machine that is quarantined now */
  uncertain: boolean;
  /** why its start moved later than it was told */
  delay: string | null;
  /** until when it may wait */
  waitUntil: Date | null;
  /** how many wait for machines that it has */
  wantedBy: number;
}

/** Whether its accounts don't work yet, but will. */
export const isComing = ({ state }: ReservationView) =>
  AHEAD.includes(state) || state === RESERVATION.preparing;

export const isPreparing = ({ state }: ReservationView) => state === RESERVATION.preparing;

/** A condition: the reservation belongs to this user; undefined: to anybody. */
export const ofUser = (userId: string | undefined) =>
  userId === undefined ? undefined : eq(reservations.userId, userId);

/** While it waits, its place in the queue: by priority, then the first to come. */
const position = sql<
  number | null
>`IF(${eq(reservations.state, RESERVATION.queued)}, (SELECT COUNT(*) FROM reservations q
  WHERE q.state = ${RESERVATION.queued} AND (q.priority > ${reservations.priority} OR (q.priority = ${reservations.priority}
    AND (q.created_at, q.id) <= (${reservations.createdAt}, ${reservations.id})))), NULL)`;

/** How many in the queue are planned on machines that it has. */
const wantedBy = sql<number>`(SELECT COUNT(DISTINCT c.reservation_id) FROM commitments c
  JOIN machines m ON m.id = c.machine_id JOIN reservations q ON q.id = c.reservation_id
  WHERE m.reservation_id = ${reservations.id} AND m.state IN ${HELD} AND q.state = ${RESERVATION.queued})`;

export const VIEW = {
  id: reservations.id,
  username: reservations.username,
  user: users.name,
  state: reservations.state,
  reason: reservations.reason,
  fault: reservations.fault,
  startsAt: reservations.startsAt,
  endsAt: sql<Date | null>`IF(${reservations.startsAt} IS NULL, NULL, ${reservations.endsAt})`.mapWith(
    reservations.endsAt,
  ),
  endedAt: reservations.endedAt,
  durationMinutes: reservations.durationMinutes,
  position,
  uncertain: reservations.uncertain,
  delay: reservations.delay,
  waitUntil: reservations.waitUntil,
  wantedBy: wantedBy.mapWith(Number),
};
export const PLACE = { machine: machines.name, host: machines.host, port: machines.port };

/** The name of a slot. Its number stays when another machine takes its place. */
export const slotName = (slot: number) => `node${slot}`;

/** A condition: this hold is the machine's present one. */
export const isHoldOf = and(
  eq(holds.liveMachine, machines.id),
  eq(holds.reservationId, machines.reservationId),
);

/** The slot that a planned machine will have. */
const byName =
  sql`ROW_NUMBER() OVER (PARTITION BY ${commitments.reservationId} ORDER BY ${machines.name})`.mapWith(
    Number,
  );

/** The machines that reservations have now, or shall have, by slot. */
export async function placesOf(
  { db }: ReservationsDeps,
  ids: string[],
  planned = false,
): Promise<Map<string, Place[]>> {
  const places = new Map<string, Place[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return places;
  const rows = planned
    ? await db
        .select({ ...PLACE, id: commitments.reservationId, slot: byName })
        .from(commitments)
        .innerJoin(machines, eq(machines.id, commitments.machineId))
        .where(inArray(commitments.reservationId, ids))
        .orderBy(asc(machines.name))
    : await db
        .select({ ...PLACE, id: machines.reservationId, slot: holds.slot })
        .from(machines)
        .innerJoin(holds, isHoldOf)
        // Not one that replaces another, until its account works.
        .where(and(inArray(machines.reservationId, ids), machineIn(HELD), eq(holds.lacking, false)))
        .orderBy(asc(holds.slot), asc(machines.name));
  for (const { id, slot, ...place } of rows) places.get(id ?? "")?.push({ ...place, slot: slotName(slot) });
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
  const places = await placesOf(deps, [id], AHEAD.includes(row.state));
  return { ...row, machines: places.get(id) ?? [] };
}

/** Why a reservation failed, in words that the principal may see. */
export function reasonFor({ reason, fault }: ReservationView, { role }: Principal): string | null {
  if (fault === null || role === "admin") return reason;
  return isFaultKind(fault) ? FAULT_WORDS[fault] : "a machine failed";
}
