import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { machines, type ReservationState, reservations } from "../../db/schema/pool.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { isFaultKind } from "../accounts/faults.ts";
import { PoolError } from "../errors.ts";
import type { Principal } from "../identity/principal.ts";
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
    .where(and(eq(machines.reservationId, id), inArray(machines.state, ["preparing", "reserved"])))
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
    .where(and(eq(reservations.state, "active"), eq(machines.state, "reserved"), ownedBy(owner)))
    .orderBy(asc(reservations.endsAt), asc(machines.name));
}

/** How long a repeated request waits for the first one, which may still be at work. */
const WAIT_MS = 60_000;

/**
 * The reservation that an earlier request with this key made; waits while it is prepared. One that failed has let go
 * of its key.
 * @param hash this request's hash, by the id of the SECRET_KEY that the earlier one was hashed with; undefined when
 *   that one is not known any more: then the key alone decides
 * @throws PoolError idempotency_key_reused when that request asked for something else; reservation_over; still_preparing
 */
export async function findByKey(
  deps: ReservationsDeps,
  key: string | undefined,
  hash: (keyId: string | null) => string | undefined,
): Promise<(ReservationView & { keyId: string | null }) | undefined> {
  if (!key) return undefined;
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const [row] = await deps.db.select().from(reservations).where(eq(reservations.idempotencyKey, key));
    if (!row) return undefined;
    const expected = hash(row.keyId);
    if (expected !== undefined && row.requestHash !== expected)
      throw new PoolError(
        "idempotency_key_reused",
        "This Idempotency-Key was used for a different request; make a new one",
      );
    if (row.state === "ending" || row.state === "ended" || row.state === "failed")
      throw new PoolError(
        "reservation_over",
        `The reservation that this Idempotency-Key made is over (${row.state}); for another one make a new key`,
        [
          { field: "id", message: row.id },
          { field: "state", message: row.state },
          // Not its planned end: it may have been released long before.
          ...(row.endedAt ? [{ field: "ended_at", message: row.endedAt.toISOString() }] : []),
        ],
      );
    if (row.state !== "preparing") return { ...(await viewReservation(deps, row.id)), keyId: row.keyId };
    if (performance.now() > deadline)
      throw new PoolError(
        "still_preparing",
        "The first request with this Idempotency-Key is still at work; ask again",
      );
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** Why a reservation failed, in the words that somebody may read. */
export function reasonFor({ reason, fault }: ReservationView, { role }: Principal): string | null {
  if (fault === null || role === "admin") return reason;
  return isFaultKind(fault) ? FAULT_WORDS[fault] : "a machine failed";
}
