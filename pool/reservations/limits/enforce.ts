import { eq, sql } from "drizzle-orm";
import { inMinutes, now, type Tx } from "../../../db/client.ts";
import { users } from "../../../db/schema/identity.ts";
import { PoolError } from "../../errors.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Admitted } from "../steps/admit.ts";
import { countAhead, machinesOf, mostMachines, promisedTo } from "./usage.ts";

/** How a request is going to be served. */
export type Way = "at once" | "queue" | "booking";

/** @throws PoolError limit_reached for more than a user may have of a kind; 0: no limit */
async function enforceAhead(
  deps: ReservationsDeps,
  tx: Tx,
  userId: string,
  way: Way,
  more: number,
): Promise<void> {
  if (way === "at once") return;
  const [most, state, word, how] =
    way === "queue"
      ? ([deps.maxQueued, RESERVATION.queued, "request", " waiting"] as const)
      : ([deps.maxBooked, RESERVATION.booked, "booking", ""] as const);
  if (most === 0) return;
  const have = await countAhead(tx, userId, state);
  if (have + more <= most) return;
  const asked = more > 1 ? `; ${more} more were requested` : "";
  const left = Math.max(0, most - have);
  throw new PoolError(
    "limit_reached",
    `You may have ${most} ${word}${most === 1 ? "" : "s"}${how} at once, and you have ${have}${asked}`,
    [{ field: way === "queue" ? "wait" : "starts_at", message: left === 0 ? "none left" : `${left} left` }],
  );
}

/** The machines that a user has, or will have, in the time of a request. */
async function taken(tx: Tx, userId: string, request: Admitted, way: Way) {
  const { durationMinutes, startsAt, waitMinutes } = request;
  if (way === "booking") {
    const from = sql`${startsAt}`;
    const to = sql`${startsAt} + INTERVAL ${durationMinutes} MINUTE`;
    return { held: 0, uncleaned: 0, ahead: await promisedTo(tx, userId, from, to, true) };
  }
  const to = inMinutes(durationMinutes + (way === "queue" ? waitMinutes : 0));
  return { ...(await machinesOf(tx, userId)), ahead: await promisedTo(tx, userId, now, to, false) };
}

/**
 * Enforces those limits of a user that don't depend on a time, and locks their row.
 * @param more how many reservations like this one are about to be made: all occurrences of a series count
 * @returns the user; undefined: there is none
 * @throws PoolError limit_reached
 */
export async function enforceNumber(
  deps: ReservationsDeps,
  tx: Tx,
  { durationMinutes, principal: { userId } }: Admitted,
  way: Way,
  more = 1,
) {
  if (userId === null) return undefined;
  const [user] = await tx.select().from(users).where(eq(users.id, userId)).for("update");
  if (!user) throw new PoolError("user_not_found", "Your user was deleted a moment ago");
  const longest = user.maxDurationMinutes;
  if (longest !== null && durationMinutes > longest)
    throw new PoolError("limit_reached", `You may reserve for at most ${longest} minutes`, [
      { field: "duration", message: `at most ${longest}` },
    ]);
  await enforceAhead(deps, tx, userId, way, more);
  return user;
}

/**
 * Enforces a user's limits, inside the transaction that makes the reservation: their row is locked, so that two concurrent
 * requests don't each see room for one more. Reservations without a user (the admin token's, an open API's) have no such
 * limits.
 * @throws PoolError limit_reached, naming the limit and what is left
 */
export async function enforceLimits(
  deps: ReservationsDeps,
  tx: Tx,
  request: Admitted,
  way: Way,
): Promise<void> {
  const user = await enforceNumber(deps, tx, request, way);
  if (!user) return;
  const most = mostMachines(user, deps.maxMachinesPerUser);
  if (most === undefined) return;
  const { count } = request;
  const { held, uncleaned, ahead } = await taken(tx, user.id, request, way);
  if (held + ahead + count <= most) return;
  const notClean = uncleaned
    ? ` (${uncleaned} of them released but not clean yet: they count until what was left on them is gone)`
    : "";
  const promised =
    ahead > 0 ? `, and ${ahead} ${way === "booking" ? "at that time" : "wait or are booked for you"}` : "";
  throw new PoolError(
    "limit_reached",
    `You may hold ${most} machines at once, and you hold ${held}${notClean}${promised}`,
    [{ field: "count", message: `at most ${Math.max(0, most - held - ahead)} more` }],
  );
}
