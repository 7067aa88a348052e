// The axis of time: days, weeks and months of a time zone, and where they are divided. Days may have 23, 24 or 25 hours.

export type View = "day" | "week" | "month";
/** In ms since 1970: from, and up to but without to. */
export interface Range {
  from: number;
  to: number;
}

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

const formats = new Map<string, Intl.DateTimeFormat>();
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    const digits = "2-digit";
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: digits,
      day: digits,
      hour: digits,
      minute: digits,
      second: digits,
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** How far a zone's clocks are ahead of UTC, in ms. */
export function offsetAt(instant: number, zone: string): number {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(instant)
      .map((part) => [part.type, part.value]),
  );
  const { year, month, day, hour, minute, second } = parts as Record<string, string>;
  const local = Date.parse(`${year?.padStart(4, "0")}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return local - Math.floor(instant / 1000) * 1000;
}

/** The zone's date and time of day, without an offset: "2026-11-27T14:30". */
export const localOf = (instant: number, zone: string) =>
  new Date(instant + offsetAt(instant, zone)).toISOString().slice(0, 16);

/** The zone's date: "2026-11-27". */
export const dateOf = (instant: number, zone: string) => localOf(instant, zone).slice(0, 10);

/** A date so many days later. */
export const plusDays = (date: string, days: number) =>
  new Date(Date.parse(date) + days * DAY).toISOString().slice(0, 10);

/** The first instant of a date; not always midnight, which some zones skip. */
export function startOf(date: string, zone: string): number {
  const midnight = Date.parse(date);
  // The offsets that may apply, the larger first: it gives the earlier instant.
  const offsets = [offsetAt(midnight - DAY, zone), offsetAt(midnight + DAY, zone)].sort((a, b) => b - a);
  const early = midnight - (offsets[0] as number);
  if (localOf(early, zone) === `${date}T00:00`) return early;
  const late = midnight - (offsets[1] as number);
  if (localOf(late, zone) === `${date}T00:00`) return late;
  // Skipped: the clocks change at the instant that would have been midnight by the smaller offset.
  return late;
}

/** The dates that a view shows: from the first up to, but without, the last. */
function datesOf(view: View, date: string): [string, string] {
  if (view === "day") return [date, plusDays(date, 1)];
  if (view === "week") {
    // ISO 8601: a week begins on Monday.
    const first = plusDays(date, -((new Date(date).getUTCDay() + 6) % 7));
    return [first, plusDays(first, 7)];
  }
  return [`${date.slice(0, 7)}-01`, shift("month", date, 1)];
}

/** A date in the next view, or the one before. @param by 1 or -1 */
export function shift(view: View, date: string, by: number): string {
  if (view !== "month") return plusDays(date, view === "week" ? 7 * by : by);
  const [year = 0, month = 0] = date.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 + by, 1)).toISOString().slice(0, 10);
}

export function rangeOf(view: View, date: string, zone: string): Range {
  const [first, last] = datesOf(view, date);
  return { from: startOf(first, zone), to: startOf(last, zone) };
}

/** Where a range is divided at round times of the zone's clocks, and where these change. @param minutes of which a day is a multiple */
function roundTimes({ from, to }: Range, minutes: number, zone: string): number[] {
  const step = minutes * MINUTE;
  const past = (instant: number) => (((instant + offsetAt(instant, zone)) % step) + step) % step;
  const found: number[] = [];
  for (let at = from; at < to; ) {
    found.push(at);
    let next = at + step - past(at);
    if (past(next) !== 0) {
      // The clocks have changed in between: a round time may be sooner or later by the difference.
      const other = next - (offsetAt(next, zone) - offsetAt(at, zone));
      if (other > at && past(other) === 0) next = other;
    }
    at = next;
  }
  return found;
}

function days({ from, to }: Range, zone: string): number[] {
  const found = [from];
  for (let date = plusDays(dateOf(from, zone), 1); startOf(date, zone) < to; date = plusDays(date, 1))
    found.push(startOf(date, zone));
  return found;
}

const SLOT: Record<"day" | "week", number> = { day: 30, week: 120 };
const TICK: Record<"day" | "week", number> = { day: 60, week: 360 };

/** The starts of a view's cells, and the end of the last one. */
export const slotsOf = (view: View, range: Range, zone: string): number[] => [
  ...(view === "month" ? days(range, zone) : roundTimes(range, SLOT[view], zone)),
  range.to,
];

/** The times that stand above it. */
export const ticksOf = (view: View, range: Range, zone: string): number[] =>
  view === "month" ? days(range, zone) : roundTimes(range, TICK[view], zone);

/** The cell that an instant is in; before the first or after the last, that one. */
export function slotAt(slots: number[], instant: number): number {
  let [low, high] = [0, slots.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((slots[middle] as number) <= instant) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** "UTC+05:45" */
export function utcOffset(instant: number, zone: string): string {
  const minutes = Math.round(offsetAt(instant, zone) / MINUTE);
  if (minutes === 0) return "UTC";
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}
