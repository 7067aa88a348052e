import type { series } from "../../../db/schema/series.ts";
import { PoolError } from "../../errors.ts";
import type { Principal } from "../../identity/principal.ts";
import { RecurrenceError } from "../../planning/parts.ts";
import { endOf, occurrences, type Series as Rule } from "../../planning/recurrence.ts";
import type { ReservationsDeps } from "../deps.ts";
import { MINUTE, type readClock } from "../schedule/world.ts";
import type { Admitted } from "../steps/admit.ts";
import { openCredential } from "../steps/credential.ts";

export type SeriesRow = typeof series.$inferSelect;

/** Tells the time, in ms since 1970: the database's, unless a test has another. */
export type Clock = typeof readClock;

/** Up to when occurrences are booked. */
export const horizonOf = ({ bookAheadDays }: ReservationsDeps, at: number) =>
  at + bookAheadDays * 24 * 60 * MINUTE;

/** The rule of a series, from its row. */
export const ruleOf = ({ rrule, startsLocal, timeZone, exceptDates }: SeriesRow): Rule => ({
  rrule,
  startsAt: startsLocal,
  timeZone,
  exceptDates,
});

/** @throws PoolError invalid_request, with the column in the rule, for a series that can't be worked out */
function readable<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RecurrenceError)) throw error;
    const { field, message, column } = error;
    const place = column === undefined ? "" : ` (column ${column})`;
    throw new PoolError("invalid_request", `${field}: ${message}${place}`, [
      { field, message, ...(column === undefined ? {} : { column }) },
    ]);
  }
}

/** What is booked at once, while all others who book wait: so many occurrences, and so many machines in all of them. */
export const MOST_AT_ONCE = 400;
const MOST_MACHINES = 20_000;

/** How many occurrences of so many machines are booked at once. */
export const mostAtOnce = (count: number) =>
  Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(MOST_MACHINES / count)));

/** The starts in a span of time, both ends included; in ms. @throws PoolError invalid_request */
export const startsOf = (rule: Rule, from: number, until: number): number[] =>
  from > until ? [] : readable(() => occurrences(rule, from, until));

/** A rule may end later than the database can store: then it has no end. */
const LATEST = Date.UTC(9999);

/** From when on a series doesn't occur by its own rule; null: it has no end. @throws PoolError invalid_request */
export function lastOf(rule: Rule, durationMinutes: number): Date | null {
  const end = readable(() => endOf(rule, durationMinutes * MINUTE));
  return end === undefined || end >= LATEST ? null : new Date(end);
}

/**
 * What each occurrence of a series asks for, when nobody is asking.
 * @throws Error when no key that this process knows opens its credential
 */
export async function admittedOf(deps: ReservationsDeps, row: SeriesRow): Promise<Admitted> {
  const { id, userId, username, count, durationMinutes, credential } = row;
  const principal: Principal = {
    name: deps.actor.name,
    role: "user",
    userId,
    userName: null,
    maxRequestsPerMinute: null,
  };
  return {
    principal,
    username,
    count,
    durationMinutes,
    wanted: { where: row.whereLabels, only: row.onlyMachines, except: row.exceptMachines },
    waitMinutes: 0,
    priority: 0,
    startsAt: null,
    minCount: null,
    replace: false,
    credential: credential === null ? null : await openCredential(deps, id, credential),
    idempotencyKey: null,
    hash: () => "",
  };
}
