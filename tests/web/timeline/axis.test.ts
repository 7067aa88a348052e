// The timeline's axis, over changes of clocks and in zones that are no whole hours from UTC; Temporal says what is right.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  dateOf,
  localOf,
  offsetAt,
  plusDays,
  rangeOf,
  shift,
  slotAt,
  slotsOf,
  startOf,
  ticksOf,
  utcOffset,
  type View,
} from "../../../web/timeline/axis.ts";

setDefaultTimeout(60_000);

const HOUR = 3_600_000;
const ZONES = [
  "UTC",
  "Europe/Paris",
  "Europe/London",
  "America/New_York",
  "America/St_Johns",
  "Asia/Kathmandu",
  "Asia/Beirut",
  "Africa/Cairo",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
  "Pacific/Apia",
];
const times = (instants: number[], zone: string) => instants.map((at) => localOf(at, zone).slice(11));
const hours = ({ from, to }: { from: number; to: number }) => (to - from) / HOUR;

test("each day of a year begins when it does there", () => {
  for (const zone of ZONES)
    for (let date = "2026-01-01"; date < "2027-01-01"; date = plusDays(date, 1)) {
      const right = Temporal.PlainDate.from(date).toZonedDateTime(zone);
      expect([zone, date, startOf(date, zone)]).toEqual([zone, date, right.epochMilliseconds]);
      expect(offsetAt(right.epochMilliseconds, zone) * 1e6).toBe(right.offsetNanoseconds);
    }
});

test("a skipped midnight: the day begins at the first time that there is", () => {
  // In Beirut, summer time begins at midnight.
  expect(localOf(startOf("2026-03-29", "Asia/Beirut"), "Asia/Beirut")).toBe("2026-03-29T01:00");
  expect(hours(rangeOf("day", "2026-03-29", "Asia/Beirut"))).toBe(23);
});

test("a day of 23 and one of 25 hours are divided at every hour and half hour that they have", () => {
  const zone = "Europe/Paris";
  const spring = rangeOf("day", "2026-03-29", zone);
  expect(hours(spring)).toBe(23);
  expect(times(ticksOf("day", spring, zone), zone).slice(0, 4)).toEqual(["00:00", "01:00", "03:00", "04:00"]);
  expect(slotsOf("day", spring, zone)).toHaveLength(46 + 1);
  const autumn = rangeOf("day", "2026-10-25", zone);
  expect(hours(autumn)).toBe(25);
  expect(times(ticksOf("day", autumn, zone), zone).slice(0, 5)).toEqual([
    "00:00",
    "01:00",
    "02:00",
    "02:00",
    "03:00",
  ]);
  expect(slotsOf("day", autumn, zone)).toHaveLength(50 + 1);
});

test("every cell begins at a round time of the zone's clocks, or when they change; none is empty; together they are the range", () => {
  for (const zone of ZONES)
    for (const view of ["day", "week", "month"] as View[])
      for (let date = "2026-01-01"; date < "2027-01-01"; date = plusDays(date, view === "day" ? 1 : 5)) {
        const range = rangeOf(view, date, zone);
        const slots = slotsOf(view, range, zone);
        expect([slots[0], slots.at(-1)]).toEqual([range.from, range.to]);
        const minutes = { day: 30, week: 120, month: 1440 }[view];
        for (const [n, at] of slots.slice(0, -1).entries()) {
          const length = ((slots[n + 1] as number) - at) / 60_000;
          expect([zone, view, date, length > 0 && length <= minutes + 60]).toEqual([zone, view, date, true]);
          const clock = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
          const isRound = (clock.hour * 60 + clock.minute) % minutes === 0;
          const isChange = clock.offset !== clock.subtract({ minutes: 1 }).offset;
          expect([zone, view, date, isRound || isChange]).toEqual([zone, view, date, true]);
        }
      }
});

test("a zone of quarter hours keeps its own round times", () => {
  const zone = "Asia/Kathmandu";
  const day = rangeOf("day", "2026-11-27", zone);
  expect(new Date(day.from).toISOString()).toBe("2026-11-26T18:15:00.000Z");
  expect(times(ticksOf("day", day, zone), zone).slice(0, 2)).toEqual(["00:00", "01:00"]);
  expect(utcOffset(day.from, zone)).toBe("UTC+05:45");
  expect(utcOffset(day.from, "America/St_Johns")).toBe("UTC−03:30");
  expect(utcOffset(day.from, "UTC")).toBe("UTC");
});

test("a week begins on Monday, a month on its first; the next and the one before follow", () => {
  const dates = (view: View, date: string) => {
    const { from, to } = rangeOf(view, date, "Europe/Paris");
    return [dateOf(from, "Europe/Paris"), dateOf(to, "Europe/Paris")];
  };
  expect(dates("week", "2026-11-27")).toEqual(["2026-11-23", "2026-11-30"]);
  expect(dates("week", "2026-11-29")).toEqual(["2026-11-23", "2026-11-30"]);
  expect(dates("week", "2026-11-30")).toEqual(["2026-11-30", "2026-12-07"]);
  expect(dates("month", "2028-02-29")).toEqual(["2028-02-01", "2028-03-01"]);
  expect([shift("month", "2026-01-31", 1), shift("month", "2026-01-31", -1)]).toEqual([
    "2026-02-01",
    "2025-12-01",
  ]);
  expect([shift("week", "2026-12-30", 1), shift("day", "2026-03-01", -1)]).toEqual([
    "2027-01-06",
    "2026-02-28",
  ]);
});

test("an instant is in the cell that holds it, or in the nearest", () => {
  const slots = [0, 10, 20, 40];
  expect([-5, 0, 9, 10, 39, 40, 99].map((at) => slotAt(slots, at))).toEqual([0, 0, 0, 1, 2, 2, 2]);
});
