// When a series occurs: a rule in a named zone, in whose local time an occurrence keeps its hour over a change of clocks.
//
// A local time that doesn't exist, because the clocks go forward over it, is no occurrence: it is left out, and COUNT
// doesn't count it (RFC 5545, 3.3.10). One that is there twice, because the clocks go back, is meant the first time.

import { RRuleTemporal } from "rrule-temporal";
import { RecurrenceError } from "./parts.ts";
import { readRule } from "./rule.ts";

export interface Series {
  /** RFC 5545, without DTSTART and the like: FREQ=WEEKLY;BYDAY=WE */
  rrule: string;
  /** local time: 2026-09-02T13:00. The first occurrence is the first that fits the rule from then on. */
  startsAt: string;
  timeZone: string;
  /** local dates on which nothing is to occur: 2026-11-11. COUNT counts them nevertheless. */
  exceptDates: readonly string[];
}

/** How many occurrences a series may have in the time that is asked for. */
export const MOST_OCCURRENCES = 1000;
const MOST_EXCEPT_DATES = 1000;
/** Bounds the time that a rule may take: how many days, weeks, months or years are tried, and how many starts in them. */
const MOST_PERIODS = { DAILY: 5000, WEEKLY: 2000, MONTHLY: 1000, YEARLY: 400 };
const MOST_CANDIDATES = 5000;

const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:00)?$/;
const LOCAL_DATE = /^\d{4}-\d\d-\d\d$/;
/** A name, not an offset like +02:00, in which no clocks ever change. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

function checkZone(timeZone: string): void {
  try {
    if (!ZONE.test(timeZone)) throw new RangeError();
    new Temporal.ZonedDateTime(0n, timeZone);
  } catch {
    throw new RecurrenceError("time_zone", "this zone is not known; write a name like Europe/Paris");
  }
}

function startOf(startsAt: string, timeZone: string): Temporal.ZonedDateTime {
  let local: Temporal.PlainDateTime;
  try {
    if (!LOCAL_TIME.test(startsAt)) throw new RangeError();
    local = Temporal.PlainDateTime.from(startsAt);
  } catch {
    throw new RecurrenceError("starts_at", "write a local time like 2026-09-02T13:00, without an offset");
  }
  const start = local.toZonedDateTime(timeZone);
  // Taken as an hour later, as calendars do, it would move the whole series.
  if (start.toPlainDateTime().equals(local)) return start;
  throw new RecurrenceError(
    "starts_at",
    `the clocks go forward over this time in ${timeZone}: it doesn't exist`,
  );
}

function datesOf(dates: readonly string[]): Set<string> {
  if (dates.length > MOST_EXCEPT_DATES)
    throw new RecurrenceError("except_dates", `at most ${MOST_EXCEPT_DATES} dates can be left out`);
  for (const date of dates)
    try {
      if (!LOCAL_DATE.test(date)) throw new RangeError();
      Temporal.PlainDate.from(date);
    } catch {
      throw new RecurrenceError(
        "except_dates",
        `${JSON.stringify(date.slice(0, 20))} is not a date like 2026-11-11`,
      );
    }
  return new Set(dates);
}

/** The local time of an instant in a series' zone: 2026-09-02T13:00 */
export const localTime = (at: number, timeZone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(at)
    .toZonedDateTimeISO(timeZone)
    .toPlainDateTime()
    .toString({ smallestUnit: "minute" });

/** @throws RecurrenceError when the library gives up at its bounds */
function bounded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RangeError) && !/^Maximum /.test((error as Error).message)) throw error;
    throw new RecurrenceError("rrule", "this series never occurs, or takes too long to work out");
  }
}

/** The series as the library knows it. @throws RecurrenceError */
function open(series: Series) {
  const { timeZone } = series;
  checkZone(timeZone);
  const dtstart = startOf(series.startsAt, timeZone);
  const except = datesOf(series.exceptDates);
  const stays = (one: Temporal.ZonedDateTime) => !except.has(one.toPlainDate().toString());
  const options = readRule(series.rrule, timeZone);
  const rule = new RRuleTemporal({
    ...options,
    dtstart,
    maxIterations: MOST_PERIODS[options.freq],
    maxCandidateEvaluations: MOST_CANDIDATES,
    cache: false,
  });
  return { options, rule, stays };
}

/**
 * When a series is over by its own rule, as a bound: nothing starts from then on.
 * @param duration of an occurrence, ms
 * @returns ms since 1970; undefined: it has no end
 * @throws RecurrenceError
 */
export function endOf(series: Series, duration: number): number | undefined {
  const { options, rule } = open(series);
  // The end of a day has its last millisecond.
  if (options.until) return 1000 * (Math.floor(options.until.epochMilliseconds / 1000) + 1);
  if (options.count === undefined) return undefined;
  const last = bounded(() => rule.all()).at(-1);
  return last && last.epochMilliseconds + duration;
}

/**
 * The starts of a series that lie in a span of time, both ends included. Pure: depends on no clock and no zone of the host.
 * @param from ms since 1970, as `until` and the result
 * @returns in order, each once; empty when the series has none in this span, but has some before or after it
 * @throws RecurrenceError also when the series never occurs, or more often than MOST_OCCURRENCES in this span
 */
export function occurrences(series: Series, from: number, until: number): number[] {
  const { options, rule, stays } = open(series);
  // A COUNT is worked out whole: cut at the span, a series that is accepted today might take too long next year.
  const all = bounded(() =>
    options.count === undefined ? rule.between(new Date(from), new Date(until), true) : rule.all(),
  );
  const found = all
    .filter(stays)
    .map((one) => one.epochMilliseconds)
    .filter((start) => start >= from && start <= until);
  if (found.length > MOST_OCCURRENCES)
    throw new RecurrenceError("rrule", `this series occurs more than ${MOST_OCCURRENCES} times in this time`);
  if (found.length > 0) return found;
  let some = false;
  bounded(() =>
    rule.all((one) => {
      some = stays(one);
      return !some;
    }),
  );
  if (!some) throw new RecurrenceError("rrule", "this series never occurs");
  return [];
}
