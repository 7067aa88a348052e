import { and, asc, eq, ne, sql } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { users } from "../../../db/schema/identity.ts";
import { machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { PoolError } from "../../errors.ts";
import { HELD, machineIn, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { mostMachines, usedAt, usesOf } from "./usage.ts";

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
  // As whoever reserves for them does, so that no two see the same room.
  const [user] = await tx.select().from(users).where(eq(users.id, row.userId)).for("update");
  const longest = user?.maxDurationMinutes;
  const byTime =
    longest == null
      ? all
      : { end: start + longest * MINUTE, why: `your limit: at most ${longest} minutes in all` };
  const machinesAtOnce = user && mostMachines(user, deps.maxMachinesPerUser);
  return sooner(
    sooner(all, byTime),
    machinesAtOnce === undefined ? FOREVER : await byMachines(tx, row, machinesAtOnce),
  );
}

/** When a later reservation of the same user begins, with which they would have too many machines at once. */
async function byMachines(tx: Tx, row: typeof reservations.$inferSelect, most: number): Promise<Longest> {
  const isTheirs = eq(reservations.userId, row.userId ?? "");
  const others = await usesOf(tx, and(isTheirs, ne(reservations.id, row.id)));
  const mine = (await usesOf(tx, eq(reservations.id, row.id))).reduce(
    (sum, { machines: its }) => sum + its,
    0,
  );
  const later = others.map(({ from }) => from).filter((from) => from >= row.endsAt.getTime());
  return {
    end: Math.min(FOREVER.end, ...later.filter((at) => mine + usedAt(others, at) > most)),
    why: `your limit: at most ${most} machines at once, and others are yours from then on`,
  };
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
