import { and, asc, eq, gt, gte, inArray, isNull, not, or } from "drizzle-orm";
import { now, type Tx } from "../../../db/client.ts";
import { events } from "../../../db/schema/audit.ts";
import { commitments } from "../../../db/schema/calendar.ts";
import { type ReservationState, reservations } from "../../../db/schema/reservations.ts";
import { series } from "../../../db/schema/series.ts";
import { eventOf, record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import { clean } from "../../lifecycle/clean.ts";
import { endWhenEmpty } from "../../lifecycle/settle.ts";
import { OVER, RESERVATION, reservationMoves } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import { endNow } from "../release.ts";
import { withPlan } from "../schedule/lock.ts";
import { readClock } from "../schedule/world.ts";
import type { Clock } from "./recall.ts";
import { ofSeriesUser } from "./view.ts";

export interface EndInput {
  /** undefined: now */
  from?: Date | undefined;
  /** finds only this user's */
  userId?: string | undefined;
  reason?: string;
}

export interface EndedSeries {
  id: string;
  endsAt: Date;
  /** ids of the reservations that were released */
  released: string[];
  /** names of machines that are not clean yet, and are retried until they are */
  pending: string[];
}

interface Ending extends Omit<EndedSeries, "pending"> {
  machines: Machine[];
}

const isBooked = ({ state }: { state: ReservationState }) => state === RESERVATION.booked;

/** Ends bookings whose rows are locked: they have no machines yet. */
async function endBooked(deps: ReservationsDeps, tx: Tx, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(reservations)
    .set({ ...reservationMoves("end"), credential: null })
    .where(inArray(reservations.id, ids));
  await tx.delete(commitments).where(inArray(commitments.reservationId, ids));
  await tx.insert(events).values(ids.map((id) => eventOf(deps, "reservation.ended", id, {})));
  for (const id of ids) await endWhenEmpty(tx, id);
}

/** Ends a series and its occurrences from then on, in one transaction. @throws PoolError series_not_found */
async function endWith(
  deps: ReservationsDeps,
  tx: Tx,
  id: string,
  { from, userId, reason }: EndInput,
  at: number,
): Promise<Ending> {
  const [row] = await tx
    .select()
    .from(series)
    .where(and(eq(series.id, id), ofSeriesUser(userId)))
    .for("update");
  if (!row || (row.endsAt !== null && row.endsAt.getTime() <= at))
    throw new PoolError("series_not_found", `There is no series '${id}' that still occurs`);
  const start = from ?? new Date(at);
  const endsAt = row.endsAt !== null && row.endsAt < start ? row.endsAt : start;
  await tx
    .update(series)
    .set({ endsAt, ...(endsAt <= row.bookedUntil ? { credential: null } : {}) })
    .where(eq(series.id, id));
  const found = await tx
    .select({ id: reservations.id, state: reservations.state })
    .from(reservations)
    .where(
      and(
        eq(reservations.seriesId, id),
        gte(reservations.occurrenceAt, start),
        isNull(reservations.endedAt),
        not(inArray(reservations.state, [...OVER])),
      ),
    )
    .orderBy(asc(reservations.occurrenceAt))
    .for("update");
  const [booked, begun] = [found.filter(isBooked), found.filter((one) => !isBooked(one))];
  await endBooked(
    deps,
    tx,
    booked.map((one) => one.id),
  );
  const machines: Machine[] = [];
  for (const one of begun) machines.push(...(await endNow(deps, tx, one.id)));
  await record(deps, tx, "series.ended", id, {
    from: endsAt.toISOString(),
    released: found.length,
    ...(reason === undefined ? {} : { reason }),
  });
  return { id, endsAt, released: found.map((one) => one.id), machines };
}

/**
 * Ends a series from a time on, and releases the occurrences from then on; one that runs already goes on.
 * @throws PoolError series_not_found
 */
export async function endSeries(
  deps: ReservationsDeps,
  id: string,
  input: EndInput = {},
  clock: Clock = readClock,
): Promise<EndedSeries> {
  let last: Ending | undefined;
  const work = async (tx: Tx) => {
    last = await endWith(deps, tx, id, input, await clock(tx));
    return last;
  };
  // After a COMMIT whose answer was lost.
  const readBack = async () => {
    const [row] = await deps.db.select().from(series).where(eq(series.id, id));
    return row?.endsAt?.getTime() === last?.endsAt.getTime() ? last : undefined;
  };
  const { machines, ...ended } = await withPlan(deps, work, readBack);
  // What was only promised to them is free at once.
  deps.changes.dispatchEvent(new Event("change"));
  const all = await Promise.all(
    machines.map(async (machine) => ({ name: machine.name, isClean: await clean(deps, machine) })),
  );
  return { ...ended, pending: all.filter(({ isClean }) => !isClean).map(({ name }) => name) };
}

/** Ends a series whose user was deleted, unless another process has just done it. */
export async function endWithUser(deps: ReservationsDeps, id: string, clock?: Clock): Promise<void> {
  try {
    await endSeries(deps, id, { reason: "its user was deleted" }, clock);
  } catch (error) {
    if (!(error instanceof PoolError && error.kind === "series_not_found")) throw error;
  }
}

/** Ends all series of a user who was deleted. */
export async function endSeriesOf(deps: ReservationsDeps, userId: string): Promise<void> {
  const all = await deps.db
    .select({ id: series.id })
    .from(series)
    .where(and(eq(series.userId, userId), or(isNull(series.endsAt), gt(series.endsAt, now))));
  for (const { id } of all) await endWithUser(deps, id);
}
