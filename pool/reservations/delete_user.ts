import { and, eq, gt, isNull, or, type SQL, sql } from "drizzle-orm";
import { now } from "../../db/client.ts";
import { users } from "../../db/schema/identity.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { series } from "../../db/schema/series.ts";
import type { IdentityDeps } from "../identity/deps.ts";
import { forgetUser } from "../identity/users.ts";
import { AHEAD, RESERVATION, reservationIn } from "../lifecycle/states.ts";
import type { ReservationsDeps } from "./deps.ts";
import { releaseWhere } from "./release.ts";
import { endSeriesOf } from "./series/end.ts";

/**
 * Deletes a user with all their tokens and sessions, and ends their series and reservations.
 * @returns the machines that are clean, and those that will be cleaned as soon as possible
 * @throws PoolError user_not_found
 */
export async function deleteUser(
  deps: ReservationsDeps & IdentityDeps,
  name: string,
): Promise<{ clean: string[]; pending: string[] }> {
  // The user first: no new reservation can start while the old ones end.
  const userId = await forgetUser(deps, name);
  return endAllOf(deps, userId);
}

async function endAllOf(deps: ReservationsDeps, userId: string) {
  await endSeriesOf(deps, userId);
  return releaseWhere(deps, and(eq(reservations.userId, userId), isNull(reservations.endedAt)));
}

const GOING_ON = [...AHEAD, RESERVATION.preparing, RESERVATION.active];

/** A condition: whom it belongs to was deleted. */
const isOrphaned = ({ userId }: typeof reservations | typeof series): SQL =>
  sql`${userId} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ${users} WHERE ${eq(users.id, userId)})`;

/**
 * Ends the series and reservations that are left of deleted users: the process that deleted them stopped halfway.
 * @returns how many users that were
 */
export async function finishDeletions(deps: ReservationsDeps): Promise<number> {
  const goesOn = or(isNull(series.endsAt), gt(series.endsAt, now));
  const [ofSeries, ofReservations] = await Promise.all([
    deps.db
      .selectDistinct({ id: series.userId })
      .from(series)
      .where(and(goesOn, isOrphaned(series))),
    deps.db
      .selectDistinct({ id: reservations.userId })
      .from(reservations)
      .where(and(reservationIn(GOING_ON), isOrphaned(reservations))),
  ]);
  const left = new Set([...ofSeries, ...ofReservations].flatMap(({ id }) => id ?? []));
  for (const id of left) {
    deps.log("warn", "finishing the deletion of a user", { user: id });
    await endAllOf(deps, id);
  }
  return left.size;
}
