import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { RecurrenceError } from "../../../pool/planning/parts.ts";
import { occurrences, type Series } from "../../../pool/planning/recurrence.ts";

// Many runs, on a machine that may be busy.
setDefaultTimeout(60_000);

const PARIS = "Europe/Paris";
const NEW_YORK = "America/New_York";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

// The two zones by hand: when their clocks change, as a number of days and hours in UTC. Independent of all zone data.
const sunday = (year: number, month: number, nth: number) => {
  const first = Date.UTC(year, month, 1);
  return first + ((7 - new Date(first).getUTCDay()) % 7) * DAY + (nth - 1) * 7 * DAY;
};
const lastSunday = (year: number, month: number) => {
  const last = Date.UTC(year, month + 1, 0);
  return last - new Date(last).getUTCDay() * DAY;
};
function offsetAt(instant: number, zone: string): number {
  const year = new Date(instant).getUTCFullYear();
  const summer =
    zone === PARIS
      ? [lastSunday(year, 2) + HOUR, lastSunday(year, 9) + HOUR]
      : [sunday(year, 2, 2) + 7 * HOUR, sunday(year, 10, 1) + 6 * HOUR];
  const isSummer = instant >= (summer[0] as number) && instant < (summer[1] as number);
  return ((zone === PARIS ? 1 : -5) + (isSummer ? 1 : 0)) * HOUR;
}
/** The first instant with this local time (as if it were UTC); undefined when there is none. */
function instantOf(wall: number, zone: string): number | undefined {
  const offsets = zone === PARIS ? [2, 1] : [-4, -5];
  return offsets
    .map((hours) => wall - hours * HOUR)
    .find((instant) => instant + offsetAt(instant, zone) === wall);
}

const DAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const START = Date.UTC(2026, 0, 1);
const FAR = 3000;
const text = (wall: number) => new Date(wall).toISOString();
const compact = (wall: number) => `${text(wall).slice(0, 19).replace(/[-:]/g, "")}`;

const cases = fc
  .record({
    zone: fc.constantFrom(PARIS, NEW_YORK),
    freq: fc.constantFrom("DAILY", "WEEKLY"),
    interval: fc.integer({ min: 1, max: 5 }),
    byDay: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }),
    wkst: fc.integer({ min: 0, max: 6 }),
    day: fc.integer({ min: 0, max: 700 }),
    minutes: fc.oneof(
      fc.constantFrom(0, 60, 90, 120, 150, 780),
      fc.integer({ min: 0, max: 47 }).map((n) => n * 30),
    ),
    end: fc.oneof(
      fc.record({ kind: fc.constant("none" as const), value: fc.constant(0) }),
      fc.record({ kind: fc.constant("count" as const), value: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constantFrom("utc", "local", "day"), value: fc.integer({ min: -30, max: 9000 }) }),
    ),
    except: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 10 }),
    span: fc.tuple(fc.integer({ min: -20, max: 900 }), fc.integer({ min: 0, max: 120 })),
    split: fc.integer({ min: 0, max: 120 * 24 }),
  })
  .map((one) => {
    const wall = START + one.day * DAY + one.minutes * 60_000;
    const start = instantOf(wall, one.zone) ?? instantOf(wall + HOUR, one.zone) ?? 0;
    return { ...one, wall: start + offsetAt(start, one.zone) };
  });
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function seriesOf({ zone, freq, interval, byDay, wkst, wall, end, except }: Case): Series {
  // The value of an end by time is hours after the start: in UTC, or in local time.
  const at = wall + end.value * HOUR;
  const ends: Record<string, string> = {
    none: "",
    count: `;COUNT=${end.value}`,
    utc: `;UNTIL=${compact(at)}Z`,
    local: `;UNTIL=${compact(at)}`,
    day: `;UNTIL=${compact(at).slice(0, 8)}`,
  };
  return {
    rrule: [
      `FREQ=${freq};INTERVAL=${interval};WKST=${DAYS[wkst]}`,
      byDay.length > 0 ? `;BYDAY=${byDay.map((day) => DAYS[day])}` : "",
      ends[end.kind],
    ].join(""),
    startsAt: text(wall).slice(0, 16),
    timeZone: zone,
    exceptDates: except.map((days) => text(wall + days * DAY).slice(0, 10)),
  };
}
const spanOf = ({ span: [from, length], wall }: Case) => {
  const begin = wall + from * DAY;
  return [begin, begin + length * DAY] as const;
};

/** Each day from the start on is tried: the definition. */
function bruteForce({ zone, freq, interval, byDay, wkst, wall, end, except }: Case): number[] {
  const weekdayOf = (time: number) => new Date(time).getUTCDay();
  const days = byDay.length > 0 ? byDay : freq === "WEEKLY" ? [weekdayOf(wall)] : [0, 1, 2, 3, 4, 5, 6];
  const weekStart = wall - ((weekdayOf(wall) - wkst + 7) % 7) * DAY;
  const left = new Set(except.map((n) => text(wall + n * DAY).slice(0, 10)));
  const limit = wall + end.value * HOUR;
  const starts: number[] = [];
  let counted = 0;
  for (let n = 0; n < FAR; n++) {
    const time = wall + n * DAY;
    const period = freq === "DAILY" ? n : Math.floor((time - weekStart) / (7 * DAY));
    const instant = instantOf(time, zone);
    if (period % interval !== 0 || !days.includes(weekdayOf(time)) || instant === undefined) continue;
    if (end.kind === "count" && counted >= end.value) break;
    if (end.kind === "utc" && instant > limit) break;
    // A limit that is itself in the gap or in the overlap is tried by the examples above.
    if (end.kind === "local" && time > limit) break;
    if (end.kind === "day" && text(time).slice(0, 10) > text(limit).slice(0, 10)) break;
    counted++;
    if (!left.has(text(time).slice(0, 10))) starts.push(instant);
  }
  return starts;
}

const RUNS = { numRuns: 700 };

test("a brute force over days agrees on every occurrence", () => {
  let some = 0;
  fc.assert(
    fc.property(cases, (one) => {
      const [from, until] = spanOf(one);
      const all = bruteForce(one);
      if (all.length === 0) expect(() => occurrences(seriesOf(one), from, until)).toThrow("never occurs");
      else {
        const expected = all.filter((start) => start >= from && start <= until);
        if (expected.length > 0) some++;
        expect(occurrences(seriesOf(one), from, until)).toEqual(expected);
      }
    }),
    RUNS,
  );
  // Not true for want of cases.
  expect(some).toBeGreaterThan(RUNS.numRuns / 4);
});

/** The same as occurrences; none for a series that never occurs. */
function orNone(one: Series, from: number, until: number): number[] {
  try {
    return occurrences(one, from, until);
  } catch (error) {
    if (error instanceof RecurrenceError && error.message.includes("never occurs")) return [];
    throw error;
  }
}

test("occurrences are in order, each once, within the span, at the same local time; splitting the span changes nothing", () => {
  const rules = fc.tuple(
    fc.constantFrom("", ";BYMONTHDAY=-1,15", ";BYDAY=2WE,-1FR", ";BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1"),
    fc.constantFrom("DAILY", "WEEKLY", "MONTHLY", "YEARLY"),
  );
  fc.assert(
    fc.property(cases, rules, (one, [parts, freq]) => {
      const base = seriesOf(one);
      const fits = parts === "" || freq === "MONTHLY";
      const some = fits ? { ...base, rrule: `FREQ=${freq};INTERVAL=${one.interval}${parts}` } : base;
      const [from, until] = spanOf(one);
      const starts = orNone(some, from, until);
      expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
      for (const start of starts) {
        expect(start >= from && start <= until).toBe(true);
        const wall = new Temporal.ZonedDateTime(BigInt(start) * 1_000_000n, one.zone).toPlainTime();
        expect(wall.toString({ smallestUnit: "minute" })).toBe(some.startsAt.slice(11));
      }
      const at = Math.min(until, from + one.split * HOUR);
      const parted = [...orNone(some, from, at), ...orNone(some, at, until)];
      expect([...new Set(parted)]).toEqual(starts);
    }),
    RUNS,
  );
});
