import { and, eq, isNull } from "drizzle-orm";
import { reservations } from "../../db/schema/pool.ts";
import { PoolError } from "../errors.ts";
import type { IdentityDeps } from "../identity/deps.ts";
import { forgetUser } from "../identity/users.ts";
import type { ReservationsDeps } from "./deps.ts";
import { release } from "./release.ts";

/**
 * Deletes a user with all their tokens and sessions, and ends their reservations.
 * @returns the machines that are clean, and those that will be cleaned as soon as possible
 * @throws PoolError user_not_found
 */
export async function deleteUser(
  deps: ReservationsDeps & IdentityDeps,
  name: string,
): Promise<{ clean: string[]; pending: string[] }> {
  // The user first: no new reservation can start while the old ones end.
  const userId = await forgetUser(deps, name);
  const live = await deps.db
    .select({ id: reservations.id })
    .from(reservations)
    .where(and(eq(reservations.userId, userId), isNull(reservations.endedAt)));
  const ended = await Promise.all(
    live.map(({ id }) =>
      release(deps, id).catch((error) => {
        // It may have ended in the meantime, which is no failure.
        if (error instanceof PoolError) return { clean: [], pending: [] };
        throw error;
      }),
    ),
  );
  return { clean: ended.flatMap((one) => one.clean), pending: ended.flatMap((one) => one.pending) };
}
