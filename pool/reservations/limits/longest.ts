import { and, asc, eq, ne, sql } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { users } from "../../../db/schema/identity.ts";
import { machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { PoolError } from "../../errors.ts";
import { HELD, machineIn, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";

const MINUTE = 60_000;

export interface Longest {
  /** ms since 1970 */
  end: number;
  /** what comes then, in words */
  why: string;
}

const FOREVER: Longest = { end: Number.POSITIVE_INFINITY, why: "" };
const sooner = (a: Longest, b: Longest) => (b.end < a.end ? b : a);

/** When the machines that a reservation has are promised to others; one that broke may be at any time. */
async function byPromises(tx: Tx, id: string): Promise<Longest> {
  const before = sql`${commitments.busyFrom} - INTERVAL ${machines.turnaroundMs} * 1000 MICROSECOND`;
  const [next] = await tx
    .select({
      name: machines.name,
      startsAt: commitments.startsAt,
      state: reservations.state,
      end: before.mapWith(commitments.startsAt),
    })
    .from(commitments)
    .innerJoin(machines, eq(machines.id, commitments.machineId))
    .innerJoin(reservations, eq(reservations.id, commitments.reservationId))
    .where(and(eq(machines.reservationId, id), machineIn(HELD), ne(commitments.reservationId, id)))
    .orderBy(asc(before))
    .limit(1);
  if (!next) return FOREVER;
  const at = `${next.startsAt.toISOString().slice(0, 16)}Z`;
  const why =
    next.state === RESERVATION.booked
      ? `${next.name} is booked from ${at}`
      : `${next.name} is promised from ${at} to somebody who waits`;
  return { end: next.end.getTime(), why };
}

/** How long a reservation may last by the rules. */
async function byLimits(
  deps: ReservationsDeps,
  tx: Tx,
  row: typeof reservations.$inferSelect,
): Promise<Longest> {
  const start = (row.startsAt ?? row.createdAt).getTime();
  const most = deps.maxDurationMinutes;
  const all = { end: start + most * MINUTE, why: `at most ${most} minutes in all` };
  if (row.userId === null) return all;
  const [user] = await tx.select().from(users).where(eq(users.id, row.userId));
  const own = user?.maxDurationMinutes;
  return own == null
    ? all
    : sooner(all, { end: start + own * MINUTE, why: `your limit: at most ${own} minutes in all` });
}

/**
 * How long an active reservation may last at the longest; its machines' rows are locked.
 * @throws PoolError limit_reached when its user has extended it as often as allowed
 */
export async function longestEnd(
  deps: ReservationsDeps,
  tx: Tx,
  row: typeof reservations.$inferSelect,
): Promise<Longest> {
  const most = deps.maxExtensions;
  if (row.userId !== null && most > 0 && row.extensions >= most)
    throw new PoolError("limit_reached", `You may extend a reservation ${most} times`, [
      { field: "extensions", message: `at most ${most}` },
    ]);
  return sooner(await byPromises(tx, row.id), await byLimits(deps, tx, row));
}
