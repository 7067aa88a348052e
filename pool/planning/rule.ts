// The text of a recurrence rule (RFC 5545, 3.3.10): FREQ=WEEKLY;BYDAY=WE;UNTIL=20261218
//
// Read here and strictly; the library never sees the text. What no reservation needs is refused: rules by the hour, minute
// or second, a second of a minute, and other calendars (RFC 7529).

import { listOf, numberOf, type Part, partsOf, RecurrenceError } from "./parts.ts";

const FREQUENCIES = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"] as const;
/** The parts that are lists of numbers: lowest, highest, and whether they may count from the end (-1 is the last). */
const NUMBERS = {
  BYMONTH: ["byMonth", 1, 12, false],
  BYWEEKNO: ["byWeekNo", 1, 53, true],
  BYYEARDAY: ["byYearDay", 1, 366, true],
  BYMONTHDAY: ["byMonthDay", 1, 31, true],
  BYHOUR: ["byHour", 0, 23, false],
  BYMINUTE: ["byMinute", 0, 59, false],
  BYSETPOS: ["bySetPos", 1, 366, true],
} as const;
type ListName = (typeof NUMBERS)[keyof typeof NUMBERS][0];

export interface Rule extends Partial<Record<ListName, number[]>> {
  freq: (typeof FREQUENCIES)[number];
  interval: number;
  count?: number;
  /** the last instant at which an occurrence may start */
  until?: Temporal.ZonedDateTime;
  byDay?: string[];
  wkst: string;
}

const MOST_INTERVAL = 1000;
/** How many occurrences a rule may count. */
const MOST_COUNT = 1000;
const MOST_A_DAY = 24;
const MOST_DAYS = { DAILY: 1, WEEKLY: 7, MONTHLY: 31, YEARLY: 366 };

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const BY_DAY = /^([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/;
const UNTIL = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/;

/** The end of a rule: a UTC time; or, kindlier than the RFC, a local time or a day, which is part of it. */
function untilOf({ value, column }: Part, timeZone: string): Temporal.ZonedDateTime {
  const [, year, month, day, hour, minute, second, utc] = UNTIL.exec(value) ?? [];
  try {
    const date = Temporal.PlainDate.from(`${year}-${month}-${day}`);
    if (hour === undefined)
      return date.add({ days: 1 }).toZonedDateTime(timeZone).subtract({ milliseconds: 1 });
    const local = date.toPlainDateTime(Temporal.PlainTime.from(`${hour}:${minute}:${second}`));
    return local.toZonedDateTime(utc ? "UTC" : timeZone).withTimeZone(timeZone);
  } catch {
    throw new RecurrenceError("rrule", "UNTIL is like 20261218 or 20261218T115900Z", column);
  }
}

/** The combinations that RFC 5545 rules out, and those that would only be slow. */
function checkTogether(rule: Rule, parts: Map<string, Part>): void {
  const { freq, byDay, count, until } = rule;
  const refuse = (name: string, message: string) => {
    throw new RecurrenceError("rrule", message, parts.get(name)?.column);
  };
  if (count !== undefined && until) refuse("UNTIL", "a rule ends by COUNT or by UNTIL, not by both");
  for (const name of ["BYWEEKNO", "BYYEARDAY"])
    if (parts.has(name) && freq !== "YEARLY") refuse(name, `${name} goes with FREQ=YEARLY only`);
  if (parts.has("BYMONTHDAY") && freq === "WEEKLY")
    refuse("BYMONTHDAY", "BYMONTHDAY doesn't go with FREQ=WEEKLY");
  if (byDay?.some((day) => day.length > 2)) {
    if (freq !== "MONTHLY" && freq !== "YEARLY")
      refuse("BYDAY", "a numbered day like 1MO goes with FREQ=MONTHLY or YEARLY only");
    if (parts.has("BYWEEKNO")) refuse("BYDAY", "a numbered day like 1MO doesn't go with BYWEEKNO");
  }
  const others = [...parts.keys()].filter((name) => name.startsWith("BY") && name !== "BYSETPOS");
  if (parts.has("BYSETPOS") && others.length === 0)
    refuse("BYSETPOS", "BYSETPOS picks from what another part gives, like BYDAY");
  const aDay = (rule.byHour?.length ?? 1) * (rule.byMinute?.length ?? 1);
  if (aDay > MOST_A_DAY) refuse("BYMINUTE", `a series has at most ${MOST_A_DAY} starts a day`);
  // The library would look for it in every period.
  if (rule.bySetPos?.every((nth) => Math.abs(nth) > aDay * MOST_DAYS[freq]))
    refuse("BYSETPOS", "BYSETPOS is beyond all that a period can have: this series never occurs");
}

/**
 * Reads a rule.
 * @param timeZone in which an UNTIL without Z is meant
 * @throws RecurrenceError
 */
export function readRule(text: string, timeZone: string): Rule {
  const parts = partsOf(text);
  const freq = parts.get("FREQ");
  const known = FREQUENCIES.find((one) => one === freq?.value);
  if (!known) {
    const hint = freq?.value === "HOURLY" ? "; BYHOUR=9,14 gives several starts a day" : "";
    const message = `FREQ is one of ${FREQUENCIES.join(", ")}${hint}`;
    throw new RecurrenceError("rrule", message, freq?.column ?? 1);
  }
  const rule: Rule = { freq: known, interval: 1, wkst: "MO" };
  for (const [name, part] of parts) {
    const { value, column } = part;
    if (name === "FREQ") continue;
    if (name === "INTERVAL") rule.interval = numberOf(name, value, column, 1, MOST_INTERVAL);
    else if (name === "COUNT") rule.count = numberOf(name, value, column, 1, MOST_COUNT);
    else if (name === "UNTIL") rule.until = untilOf(part, timeZone);
    else if (name === "WKST" && DAYS.includes(value)) rule.wkst = value;
    else if (name === "BYDAY")
      rule.byDay = listOf(part, (item, at) => {
        const [, nth, day = ""] = BY_DAY.exec(item) ?? [];
        if (!day) throw new RecurrenceError("rrule", `BYDAY is a list of ${DAYS.join(", ")}`, at);
        return nth ? `${numberOf(name, nth, at, 1, known === "MONTHLY" ? 5 : 53, true)}${day}` : day;
      });
    else if (name in NUMBERS) {
      const [key, lowest, highest, fromTheEnd] = NUMBERS[name as keyof typeof NUMBERS];
      rule[key] = listOf(part, (item, at) => numberOf(name, item, at, lowest, highest, fromTheEnd));
    } else
      throw new RecurrenceError(
        "rrule",
        name === "WKST" ? `WKST is one of ${DAYS.join(", ")}` : `${name} is not known here`,
        name === "WKST" ? column : column - name.length - 1,
      );
  }
  checkTogether(rule, parts);
  return rule;
}
