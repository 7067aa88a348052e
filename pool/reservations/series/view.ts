import { and, asc, desc, eq, sql } from "drizzle-orm";
import { events } from "../../../db/schema/audit.ts";
import { users } from "../../../db/schema/identity.ts";
import { type ReservationState, reservations } from "../../../db/schema/reservations.ts";
import { ON_CONFLICT, series } from "../../../db/schema/series.ts";
import type { Action, Details } from "../../audit/catalogue.ts";
import { PoolError } from "../../errors.ts";
import { RESERVATION } from "../../lifecycle/states.ts";
import { isAfter, type Page, type PageInput, pageOf } from "../../page.ts";
import { localTime } from "../../planning/recurrence.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { SeriesRow } from "./recall.ts";

export { ON_CONFLICT };

/** A series, without its secret. */
export interface SeriesView extends Omit<SeriesRow, "userId" | "credential"> {
  /** the API user that it belongs to; null: an admin without a user, an open API, or a deleted user */
  user: string | null;
  /** of the next occurrence that is booked; null: none is */
  nextStartsAt: Date | null;
}

/** An occurrence that is booked, or was. */
export interface Occurrence {
  /** the reservation's */
  id: string;
  startsAt: Date;
  localTime: string;
  endsAt: Date;
  state: ReservationState;
  /** what it lacks before it starts */
  delay: string | null;
}

export interface SeriesDetails extends SeriesView {
  occurrences: Occurrence[];
  /** the latest that were left out, the first of them first; as recorded */
  conflicts: Details["series.conflict"][];
}

const MOST_OCCURRENCES = 2000;
const MOST_CONFLICTS = 200;
const CONFLICT: Action = "series.conflict";

/** A condition: the series belongs to this user; undefined: to anybody. */
export const ofSeriesUser = (userId: string | undefined) =>
  userId === undefined ? undefined : eq(series.userId, userId);

type Selected = { series: SeriesRow; user: string | null; nextStartsAt: Date | null };
function viewOf({ series: row, ...more }: Selected): SeriesView {
  const { userId: _, credential: __, ...shown } = row;
  return { ...shown, ...more };
}

const nextStart = sql<Date | null>`(SELECT MIN(r.occurrence_at) FROM reservations r
  WHERE r.series_id = ${series.id} AND r.state = ${RESERVATION.booked})`.mapWith(reservations.endsAt);

const select = ({ db }: ReservationsDeps) =>
  db
    .select({ series, user: users.name, nextStartsAt: nextStart })
    .from(series)
    .leftJoin(users, eq(users.id, series.userId));

/** The series, the oldest first. @param userId only this user's */
export async function listSeries(
  deps: ReservationsDeps,
  { limit, after }: PageInput,
  userId?: string,
): Promise<Page<SeriesView>> {
  const order = [series.createdAt, series.id];
  const parse = ([at = "", id]: string[]) => [new Date(at), id];
  const rows = await select(deps)
    .where(and(ofSeriesUser(userId), isAfter(order, after, { parse })))
    .orderBy(...order.map((column) => asc(column)))
    .limit(limit + 1);
  return pageOf(rows.map(viewOf), limit, ({ createdAt, id }) => [createdAt.toISOString(), id]);
}

/** Those of its occurrences that are in the history, or booked. */
async function occurrencesOf({ db }: ReservationsDeps, { id, timeZone }: SeriesView): Promise<Occurrence[]> {
  const rows = await db
    .select({
      id: reservations.id,
      occurrenceAt: reservations.occurrenceAt,
      endsAt: reservations.endsAt,
      state: reservations.state,
      delay: reservations.delay,
    })
    .from(reservations)
    .where(eq(reservations.seriesId, id))
    .orderBy(desc(reservations.occurrenceAt))
    .limit(MOST_OCCURRENCES);
  return rows.toReversed().map(({ occurrenceAt, ...row }) => {
    const startsAt = occurrenceAt as Date;
    return { ...row, startsAt, localTime: localTime(startsAt.getTime(), timeZone) };
  });
}

/**
 * One series with its occurrences.
 * @param userId finds only this user's
 * @throws PoolError series_not_found
 */
export async function viewSeries(
  deps: ReservationsDeps,
  id: string,
  userId?: string,
): Promise<SeriesDetails> {
  const [row] = await select(deps).where(and(eq(series.id, id), ofSeriesUser(userId)));
  if (!row) throw new PoolError("series_not_found", `There is no series '${id}'`);
  const view = viewOf(row);
  const told = await deps.db
    .select({ details: events.details })
    .from(events)
    .where(and(eq(events.object, id), eq(events.action, CONFLICT)))
    .orderBy(desc(events.id))
    .limit(MOST_CONFLICTS);
  const conflicts = told.map(({ details }) => details as Details["series.conflict"]).reverse();
  return { ...view, occurrences: await occurrencesOf(deps, view), conflicts };
}
