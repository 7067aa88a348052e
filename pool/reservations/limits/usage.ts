import { and, eq, inArray, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../../db/client.ts";
import { type Fault, machines } from "../../../db/schema/pool.ts";
import { reservations } from "../../../db/schema/reservations.ts";
import { AHEAD, HELD, machineIn, RESERVATION, reservationIn, UNCLEANED } from "../../lifecycle/states.ts";
import { FOREVER } from "../../planning/profile.ts";

/**
 * Faults in cleaning that a machine's holder can cause. Not unreachable, auth, host_key and the like: a machine that is
 * switched off must not count against its user for days.
 */
const BY_ITS_HOLDER: Fault[] = ["leftovers", "foreign_account", "failed", "timeout"];

const had = machineIn(HELD);
/** Still counted as theirs: being cleaned, or quarantined for something that its holder may have left there on purpose. */
const uncleaned = and(
  machineIn(UNCLEANED),
  or(isNull(machines.fault), inArray(machines.fault, BY_ITS_HOLDER)),
) as SQL;

type Reader = Pick<Db | Tx, "select" | "$count">;

/** How many machines a user has now, and how many of them are released but not clean yet. */
export async function machinesOf(tx: Reader, userId: string): Promise<{ held: number; uncleaned: number }> {
  const [row] = await tx
    .select({
      held: sql<number>`COUNT(*)`.mapWith(Number),
      uncleaned: sql<number>`COALESCE(SUM(${uncleaned}), 0)`.mapWith(Number),
    })
    .from(machines)
    .innerJoin(reservations, eq(reservations.id, machines.reservationId))
    .where(and(eq(reservations.userId, userId), or(had, uncleaned)));
  return row ?? { held: 0, uncleaned: 0 };
}

/** How many requests of a user wait in the queue, or are booked. */
export const countAhead = (tx: Reader, userId: string, state: (typeof AHEAD)[number]): Promise<number> =>
  tx.$count(reservations, and(eq(reservations.userId, userId), eq(reservations.state, state)));

/** Machines of a user in a time; ms since 1970. */
interface Use {
  from: number;
  to: number;
  machines: number;
}

/** Machines that are left of a reservation that runs. */
const live = sql<number>`(SELECT COUNT(*) FROM holds h WHERE h.reservation_id = reservations.id AND h.released_at IS NULL)`;

/**
 * The machines that reservations want or have, and when. Whoever waits may start sooner than planned, so a later start keeps
 * them out of no time before.
 */
export async function usesOf(tx: Reader, which: SQL | undefined): Promise<Use[]> {
  const { state, startsAt, endsAt, count } = reservations;
  const rows = await tx
    .select({ state, startsAt, endsAt, count, live: live.mapWith(Number) })
    .from(reservations)
    .where(and(which, reservationIn([...AHEAD, RESERVATION.preparing, RESERVATION.active])));
  return rows.map((row) => ({
    from:
      row.state === RESERVATION.queued || !row.startsAt ? Number.NEGATIVE_INFINITY : row.startsAt.getTime(),
    to: row.startsAt ? row.endsAt.getTime() : FOREVER,
    machines: AHEAD.includes(row.state) ? row.count : Math.min(row.count, row.live),
  }));
}

export const usedAt = (uses: Use[], at: number): number =>
  uses.reduce((sum, { from, to, machines: its }) => (from <= at && at < to ? sum + its : sum), 0);

/**
 * The most machines at once that a user's reservations want in a time: those that wait or are booked, and those that run if
 * asked for.
 */
export async function promisedTo(
  tx: Reader,
  userId: string,
  from: SQL,
  to: SQL,
  running: boolean,
): Promise<number> {
  const overlaps = or(
    isNull(reservations.startsAt),
    and(
      or(eq(reservations.state, RESERVATION.queued), sql`${reservations.startsAt} < ${to}`),
      sql`${reservations.endsAt} > ${from}`,
    ),
  );
  const asked = running ? undefined : reservationIn(AHEAD);
  const uses = await usesOf(tx, and(eq(reservations.userId, userId), asked, overlaps));
  // Where most of them overlap, one begins; and it does so in that time, for each of them reaches into it.
  return Math.max(0, ...uses.map((use) => usedAt(uses, use.from)));
}

/** The most machines at once of a user; undefined: no limit. */
export const mostMachines = (user: { maxMachines: number | null }, byDefault: number): number | undefined =>
  user.maxMachines ?? (byDefault === 0 ? undefined : byDefault);
