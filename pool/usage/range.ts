import { invalid } from "../errors.ts";

/** Of time, in ms since 1970: from the first, up to the second. */
export interface Range {
  from: number;
  to: number;
}

export const DAY = 24 * 3600 * 1000;
const USUAL_DAYS = 30;
const MOST_DAYS = 366;

/**
 * The range that is asked for; by itself, the last 30 days.
 * @param now by the database's clock: nothing is used after it
 * @throws PoolError invalid_request for one that is empty, too long, or has yet to come
 */
export function rangeOf(asked: { from?: Date | undefined; to?: Date | undefined }, now: number): Range {
  const to = Math.min(asked.to?.getTime() ?? now, now);
  const from = asked.from?.getTime() ?? to - USUAL_DAYS * DAY;
  if (asked.to && asked.to.getTime() <= from) throw invalid("to", "must be after `from`");
  if (from >= to) throw invalid("from", "must be in the past");
  if (to - from > MOST_DAYS * DAY) throw invalid("from", `at most ${MOST_DAYS} days before \`to\``);
  return { from, to };
}

/** The part of a time that lies in a range, in ms. */
export const overlap = (time: Range, { from, to }: Range): number =>
  Math.max(0, Math.min(time.to, to) - Math.max(time.from, from));

/** The days (in UTC) that a range touches, each as far as it lies in the range. */
export function daysOf({ from, to }: Range): { day: string; range: Range }[] {
  const days: { day: string; range: Range }[] = [];
  for (let at = from; at < to; ) {
    const next = Math.floor(at / DAY) * DAY + DAY;
    days.push({ day: dayOf(at), range: { from: at, to: Math.min(next, to) } });
    at = next;
  }
  return days;
}

/** The day of an instant, such as 2026-11-27. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
