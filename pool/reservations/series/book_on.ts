import { and, eq, gt, isNull, lt, or } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { series } from "../../../db/schema/series.ts";
import { isUnavailable } from "../../database.ts";
import { inWords, PoolError } from "../../errors.ts";
import type { ReservationsDeps } from "../deps.ts";
import { untilPinned } from "../schedule/book.ts";
import { withPlan } from "../schedule/lock.ts";
import { readClock } from "../schedule/world.ts";
import { endWithUser } from "./end.ts";
import { bookOccurrences, tellConflicts } from "./occurrences.ts";
import { admittedOf, type Clock, horizonOf, mostAtOnce, ruleOf, type SeriesRow, startsOf } from "./recall.ts";

/** Locks a series. @returns whether it is still as it was read: another process may have booked it on, or ended it */
async function lockSame(tx: Tx, { id, bookedUntil, endsAt }: SeriesRow): Promise<boolean> {
  const [row] = await tx.select().from(series).where(eq(series.id, id)).for("update");
  return row?.bookedUntil.getTime() === bookedUntil.getTime() && row.endsAt?.getTime() === endsAt?.getTime();
}

/** Books a series up to the horizon. @returns how many occurrences were booked */
async function bookOneOn(deps: ReservationsDeps, row: SeriesRow, clock: Clock): Promise<number> {
  const { id, endsAt } = row;
  const at = await clock(deps.db);
  const horizon = horizonOf(deps, at);
  const last = Math.min(horizon, endsAt === null ? horizon : endsAt.getTime() - 1);
  const all = startsOf(ruleOf(row), Math.max(at, row.bookedUntil.getTime() + 1), last);
  const times = all.slice(0, mostAtOnce(row.count));
  // The others next time.
  const until = times.length < all.length ? (times.at(-1) as number) : horizon;
  const isOver = endsAt !== null && endsAt.getTime() <= until;
  if (times.length === 0 && !isOver) return 0;
  const admitted = await admittedOf(deps, row);
  const work = async (tx: Tx) => {
    if (!(await lockSame(tx, row))) return 0;
    const { booked, conflicts } = await bookOccurrences(deps, tx, id, admitted, times, await clock(tx));
    await tellConflicts(deps, tx, row, conflicts);
    await tx
      .update(series)
      .set({ bookedUntil: new Date(until), ...(isOver ? { credential: null } : {}) })
      .where(eq(series.id, id));
    return booked.length;
  };
  return untilPinned(() => withPlan(deps, work));
}

/**
 * Books further occurrences of all series, as far ahead as they can be by now. What can't be is left out, and its user
 * sees it in the series.
 * @returns how many were booked
 */
export async function bookOn(deps: ReservationsDeps, clock: Clock = readClock): Promise<number> {
  const horizon = new Date(horizonOf(deps, await clock(deps.db)));
  const due = await deps.db
    .select()
    .from(series)
    .where(
      and(lt(series.bookedUntil, horizon), or(isNull(series.endsAt), gt(series.endsAt, series.bookedUntil))),
    );
  let booked = 0;
  for (const row of due)
    try {
      booked += await bookOneOn(deps, row, clock);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (error instanceof PoolError && error.kind === "user_not_found")
        await endWithUser(deps, row.id, clock);
      else deps.log("error", "a series could not be booked on", { series: row.id, reason: inWords(error) });
    }
  return booked;
}
