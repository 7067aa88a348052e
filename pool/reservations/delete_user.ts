import { and, eq, isNull } from "drizzle-orm";
import { reservations } from "../../db/schema/reservations.ts";
import type { IdentityDeps } from "../identity/deps.ts";
import { forgetUser } from "../identity/users.ts";
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
  await endSeriesOf(deps, userId);
  return releaseWhere(deps, and(eq(reservations.userId, userId), isNull(reservations.endedAt)));
}
