import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { RecurrenceError } from "../../../pool/planning/parts.ts";
import { occurrences, type Series } from "../../../pool/planning/recurrence.ts";
import { ROOT, run } from "../../support/run.ts";

// On a busy machine.
setDefaultTimeout(60_000);

const PARIS = "Europe/Paris";
const NEW_YORK = "America/New_York";

const series = (
  rrule: string,
  startsAt = "2026-09-02T13:00",
  timeZone = PARIS,
  exceptDates: string[] = [],
) => ({
  rrule,
  startsAt,
  timeZone,
  exceptDates,
});
/** What an occurrence is in its zone: 2026-10-28T13:00+01:00 */
const local = (instant: number, timeZone: string) =>
  new Temporal.ZonedDateTime(BigInt(instant) * 1_000_000n, timeZone).toString({
    smallestUnit: "minute",
    timeZoneName: "never",
  });
const found = (one: Series, from: string, until: string) =>
  occurrences(one, Date.parse(from), Date.parse(until)).map((instant) => local(instant, one.timeZone));
const term = (one: Series) => found(one, "2026-09-01T00:00Z", "2026-11-30T00:00Z");
function refusal(run: () => unknown): RecurrenceError {
  try {
    run();
  } catch (error) {
    if (error instanceof RecurrenceError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("13:00 stays 13:00 over both changes of clocks, in Paris and in New York", () => {
  const weekly = "FREQ=WEEKLY;BYDAY=WE";
  const at = (startsAt: string, zone: string, from: string, until: string) =>
    found(series(weekly, startsAt, zone), `${from}T00:00Z`, `${until}T00:00Z`);
  expect(at("2026-10-21T13:00", PARIS, "2026-10-01", "2026-11-01")).toEqual([
    "2026-10-21T13:00+02:00",
    "2026-10-28T13:00+01:00",
  ]);
  expect(at("2026-10-21T13:00", PARIS, "2027-03-20", "2027-04-01")).toEqual([
    "2027-03-24T13:00+01:00",
    "2027-03-31T13:00+02:00",
  ]);
  expect(at("2026-10-21T13:00", NEW_YORK, "2026-10-25", "2026-11-05")).toEqual([
    "2026-10-28T13:00-04:00",
    "2026-11-04T13:00-05:00",
  ]);
  expect(at("2026-10-21T13:00", NEW_YORK, "2027-03-09", "2027-03-18")).toEqual([
    "2027-03-10T13:00-05:00",
    "2027-03-17T13:00-04:00",
  ]);
});

test("an occurrence whose local time doesn't exist is left out, and COUNT doesn't count it", () => {
  const three = "FREQ=DAILY;COUNT=3";
  expect(found(series(three, "2027-03-27T02:30"), "2027-03-01T00:00Z", "2027-05-01T00:00Z")).toEqual([
    "2027-03-27T02:30+01:00",
    "2027-03-29T02:30+02:00",
    "2027-03-30T02:30+02:00",
  ]);
  expect(
    found(series(three, "2027-03-13T02:30", NEW_YORK), "2027-03-01T00:00Z", "2027-05-01T00:00Z"),
  ).toEqual(["2027-03-13T02:30-05:00", "2027-03-15T02:30-04:00", "2027-03-16T02:30-04:00"]);
  // Samoa had no 30 December 2011 at all.
  expect(
    found(series(three, "2011-12-29T10:00", "Pacific/Apia"), "2011-12-01T00:00Z", "2012-02-01T00:00Z"),
  ).toEqual(["2011-12-29T10:00-10:00", "2011-12-31T10:00+14:00", "2012-01-01T10:00+14:00"]);
});

test("a local time that is there twice is meant the first time, once", () => {
  const three = "FREQ=DAILY;COUNT=3";
  const at = (startsAt: string, zone: string) =>
    found(series(three, startsAt, zone), "2026-10-01T00:00Z", "2026-12-01T00:00Z");
  expect(at("2026-10-24T02:30", PARIS)).toEqual([
    "2026-10-24T02:30+02:00",
    "2026-10-25T02:30+02:00",
    "2026-10-26T02:30+01:00",
  ]);
  expect(at("2026-11-01T01:30", NEW_YORK)).toEqual([
    "2026-11-01T01:30-04:00",
    "2026-11-02T01:30-05:00",
    "2026-11-03T01:30-05:00",
  ]);
});

test("the first occurrence is the first that fits the rule, from the start on", () => {
  expect(term(series("FREQ=WEEKLY;BYDAY=WE;COUNT=2", "2026-09-01T13:00"))).toEqual([
    "2026-09-02T13:00+02:00",
    "2026-09-09T13:00+02:00",
  ]);
  expect(term(series("FREQ=MONTHLY;BYDAY=-1FR"))).toEqual([
    "2026-09-25T13:00+02:00",
    "2026-10-30T13:00+01:00",
    "2026-11-27T13:00+01:00",
  ]);
  expect(term(series("FREQ=DAILY;BYHOUR=9,14;BYMINUTE=30;COUNT=3"))).toEqual([
    "2026-09-02T14:30+02:00",
    "2026-09-03T09:30+02:00",
    "2026-09-03T14:30+02:00",
  ]);
  expect(term(series("freq=monthly;byday=mo,tu,we,th,fr;bysetpos=-1;count=2"))).toEqual([
    "2026-09-30T13:00+02:00",
    "2026-10-30T13:00+01:00",
  ]);
});

test("UNTIL is part of the series: a UTC time, a local one or a local day", () => {
  const both = ["2026-09-02T13:00+02:00", "2026-09-03T13:00+02:00"];
  for (const until of ["20260903", "20260903T110000Z", "20260903T130000"])
    expect(term(series(`FREQ=DAILY;UNTIL=${until}`))).toEqual(both);
  for (const until of ["20260902", "20260903T105959Z", "20260903T125959"])
    expect(term(series(`FREQ=DAILY;UNTIL=${until}`))).toEqual(both.slice(0, 1));
});

test("dates that are left out are dates in the zone, and COUNT counts them", () => {
  expect(term(series("FREQ=DAILY;COUNT=3", "2026-09-02T00:30", PARIS, ["2026-09-03", "2027-01-01"]))).toEqual(
    ["2026-09-02T00:30+02:00", "2026-09-04T00:30+02:00"],
  );
  const none = series("FREQ=DAILY;COUNT=2", "2026-09-02T13:00", PARIS, ["2026-09-02", "2026-09-03"]);
  expect(refusal(() => term(none)).message).toBe("this series never occurs");
});

test("a series that occurs, but not now, has no occurrences; one that never does is refused", () => {
  const three = series("FREQ=DAILY;COUNT=3");
  expect(found(three, "2027-09-01T00:00Z", "2027-11-30T00:00Z")).toEqual([]);
  expect(found(three, "2025-09-01T00:00Z", "2025-11-30T00:00Z")).toEqual([]);
  expect(
    found(series("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), "2027-01-01T00:00Z", "2027-04-01T00:00Z"),
  ).toEqual([]);
  for (const rrule of [
    "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=100",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=-8",
    "FREQ=DAILY;INTERVAL=7;BYDAY=TH",
    "FREQ=DAILY;UNTIL=20260901",
    "FREQ=DAILY;UNTIL=20260902T105959Z",
  ])
    expect([rrule, refusal(() => term(series(rrule))).message]).toEqual([
      rrule,
      expect.stringContaining("this series never occurs"),
    ]);
});

test("a COUNT that takes too long is refused at once, not once its series has gone on for years", () => {
  const message = "this series never occurs, or takes too long to work out";
  expect(refusal(() => term(series("FREQ=DAILY;BYDAY=WE;COUNT=1000"))).message).toBe(message);
  const weekly = series("FREQ=WEEKLY;BYDAY=WE;COUNT=1000");
  expect(term(weekly)).toHaveLength(13);
  expect(found(weekly, "2045-10-20T00:00Z", "2046-10-01T00:00Z")).toEqual(["2045-10-25T13:00+02:00"]);
});

// What is refused, the place in the rule, and a piece of what people are told.
const REFUSED: [rrule: string, column: number | undefined, told: string][] = [
  ["", 1, "like FREQ=WEEKLY"],
  ["FREQ", 1, "like FREQ=WEEKLY"],
  ["INTERVAL=2", 1, "FREQ is one of"],
  ["FREQ=SECONDLY", 6, "DAILY, WEEKLY, MONTHLY, YEARLY"],
  ["FREQ=MINUTELY", 6, "DAILY, WEEKLY, MONTHLY, YEARLY"],
  ["FREQ=HOURLY", 6, "BYHOUR=9,14"],
  ["FREQ=DAILY;BYSECOND=1", 12, "BYSECOND is not known"],
  ["RSCALE=HEBREW;FREQ=DAILY", 1, "RSCALE is not known"],
  ["FREQ=DAILY;", 12, "like FREQ=WEEKLY"],
  ["FREQ=DAILY;FREQ=DAILY", 12, "twice"],
  ["FREQ=DAILY;BYSECOND", 12, "like FREQ=WEEKLY"],
  ["FREQ=DAILY;EXDATE=20260903", 12, "except_dates"],
  ["FREQ=DAILY;RDATE=20260903", 12, "one by one"],
  ["FREQ=DAILY\nEXDATE:20260903T130000", 11, '"\\n"'],
  ["FREQ=DAILY\r\nRDATE:20260903T130000", 11, '"\\r"'],
  ["DTSTART:20200101T000000\nRRULE:FREQ=DAILY", 1, "starts_at"],
  ["DTSTART;TZID=Asia/Tokyo:20200101T000000", 1, "starts_at"],
  ["FREQ=DAILY;TZID=Asia/Tokyo", 12, "time_zone"],
  ["RRULE:FREQ=DAILY", 1, "what follows RRULE:"],
  ["FREQ=DAILY;COUNT=0", 18, "from 1 to 1000"],
  ["FREQ=DAILY;COUNT=1001", 18, "from 1 to 1000"],
  ["FREQ=DAILY;COUNT=1e2", 18, "from 1 to 1000"],
  ["FREQ=DAILY;INTERVAL=-1", 21, "from 1 to 1000"],
  ["FREQ=DAILY;BYHOUR=9,24", 21, "from 0 to 23"],
  ["FREQ=DAILY;BYHOUR=9,,10", 21, "from 0 to 23"],
  ["FREQ=DAILY;BYMONTHDAY=0", 23, "from 1 to 31, or from -31 to -1"],
  ["FREQ=DAILY;UNTIL=20260230", 18, "UNTIL is like"],
  ["FREQ=DAILY;UNTIL=2026-12-18", 18, "UNTIL is like"],
  ["FREQ=DAILY;COUNT=1;UNTIL=20261218", 26, "not by both"],
  ["FREQ=WEEKLY;BYDAY=MO,XX", 22, "BYDAY is a list"],
  ["FREQ=WEEKLY;BYDAY=1MO", 19, "numbered day"],
  ["FREQ=MONTHLY;BYDAY=6MO", 20, "from 1 to 5"],
  ["FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO", 30, "BYWEEKNO"],
  ["FREQ=WEEKLY;BYMONTHDAY=1", 24, "FREQ=WEEKLY"],
  ["FREQ=MONTHLY;BYYEARDAY=1", 24, "FREQ=YEARLY only"],
  ["FREQ=MONTHLY;BYWEEKNO=1", 23, "FREQ=YEARLY only"],
  ["FREQ=MONTHLY;BYSETPOS=1", 23, "another part"],
  ["FREQ=DAILY;WKST=XX", 17, "WKST is one of"],
  ["FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", 38, "at most 24 starts a day"],
  ["FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14", undefined, "more than 1000 times"],
  [`FREQ=YEARLY;BYYEARDAY=${Array.from({ length: 366 }, (_, n) => n + 1)}`, 501, "500 characters"],
];
for (const [rrule, column, told] of REFUSED)
  test(`${JSON.stringify(rrule.slice(0, 60))} is refused`, () => {
    const { field, message, column: place } = refusal(() => term(series(rrule)));
    expect([field, message, place]).toEqual(["rrule", expect.stringContaining(told), column]);
  });

test("zones, starts and dates that can't be are refused", () => {
  const daily = "FREQ=DAILY;COUNT=2";
  for (const zone of ["Mars/Phobos", "+02:00", "", "2", `${PARIS}\n`, "../zone"])
    expect(refusal(() => term(series(daily, "2026-09-02T13:00", zone))).field).toBe("time_zone");
  for (const start of [
    "2026-09-02",
    "2026-09-02T13:00Z",
    "2026-09-02T13:00+02:00",
    "2026-02-30T13:00",
    "13:00",
  ])
    expect(refusal(() => term(series(daily, start))).message).toContain("write a local time");
  const gap = refusal(() => term(series(daily, "2027-03-28T02:30")));
  expect([gap.field, gap.message]).toEqual([
    "starts_at",
    "the clocks go forward over this time in Europe/Paris: it doesn't exist",
  ]);
  for (const dates of [["2026-9-3"], ["2026-09-31"], ["20260903"], Array(1001).fill("2026-09-03")])
    expect(refusal(() => term(series(daily, "2026-09-02T13:00", PARIS, dates))).field).toBe("except_dates");
});

test("no rule keeps the process for long", () => {
  const month = Array.from({ length: 31 }, (_, n) => n + 1);
  const year = Array.from({ length: 110 }, (_, n) => n * 3 + 1);
  const day = Array.from({ length: 24 }, (_, n) => n);
  const worst = [
    "FREQ=YEARLY;BYMONTHDAY=30;BYMONTH=2",
    `FREQ=YEARLY;BYYEARDAY=${year};BYMONTHDAY=-15;BYMONTH=2`,
    `FREQ=YEARLY;BYMONTHDAY=${month};BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYSETPOS=-366`,
    "FREQ=YEARLY;INTERVAL=2;BYMONTH=5,8,10,2,9,1,11;BYMONTHDAY=24,25;BYWEEKNO=7;BYSETPOS=239,328,87",
    "FREQ=YEARLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
    `FREQ=YEARLY;BYMONTH=1,2,3;BYDAY=MO;BYHOUR=${day};BYSETPOS=366`,
    `FREQ=MONTHLY;BYDAY=MO,TU;BYHOUR=${day};BYSETPOS=300`,
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=30;COUNT=1000",
    `FREQ=MONTHLY;INTERVAL=1000;BYMONTHDAY=${month};BYMONTH=2;BYSETPOS=30,31`,
    "FREQ=WEEKLY;BYMINUTE=12;BYSETPOS=2",
    "FREQ=WEEKLY;INTERVAL=1000;BYMONTH=2;COUNT=1000",
    "FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
    `FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30,31;BYHOUR=${day};COUNT=1000`,
  ];
  for (const rrule of worst)
    for (const start of ["2026-09-02T13:00", "0001-01-01T00:00"])
      for (const zone of [PARIS, "UTC", "Africa/Casablanca"]) {
        // Within the test's deadline, for all of them together: a rule without bounds would take hours.
        try {
          expect(term(series(rrule, start, zone))).toBeArray();
        } catch (error) {
          expect(error).toBeInstanceOf(RecurrenceError);
        }
      }
});

test("the host's zone doesn't matter", async () => {
  const one = series("FREQ=DAILY;BYHOUR=1,2,13;UNTIL=20261101", "2026-10-23T00:00", PARIS, ["2026-10-24"]);
  const [from, until] = [Date.UTC(2026, 9, 1), Date.UTC(2026, 11, 1)];
  const script = `
    import { occurrences } from ${JSON.stringify(join(ROOT, "pool/planning/recurrence.ts"))};
    const here = new Date(0).getTimezoneOffset();
    console.log(JSON.stringify([here, occurrences(${JSON.stringify(one)}, ${from}, ${until})]));`;
  const child = await run(["bun", "--no-env-file", "-e", script], { TZ: "Pacific/Auckland" });
  expect(child.stderr).toBe("");
  const [offset, starts] = JSON.parse(child.stdout);
  expect(offset).toBe(-720);
  expect(starts).toEqual(occurrences(one, from, until));
  expect(starts).toHaveLength(27);
});
