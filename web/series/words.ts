// A series in words: its rule, and its times in its own zone.
import { locale, text } from "../text/text.ts";
import { DAYS } from "./request.ts";

const words = text.series;
const WHEN = {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
} as const;
const local = new Intl.DateTimeFormat(locale, { ...WHEN, timeZone: "UTC" });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });

/** "2026-12-02T13:00", which is a time in the series' zone. */
export const localTimeOf = (time: string) => local.format(new Date(`${time}Z`));
/** "2026-12-02" */
export const dateOf = (date: string) => day.format(new Date(`${date}T00:00Z`));

/** An instant in a zone; in the browser's own if that one is unknown here. */
export function instantIn(timeZone: string, instant: string): string {
  try {
    return new Intl.DateTimeFormat(locale, { ...WHEN, timeZone }).format(new Date(instant));
  } catch {
    return new Intl.DateTimeFormat(locale, WHEN).format(new Date(instant));
  }
}

/** 30 November 2026 is a Monday. */
export const weekday = (name: string, width: "long" | "short") =>
  new Intl.DateTimeFormat(locale, { weekday: width, timeZone: "UTC" }).format(
    Date.UTC(2026, 10, 30 + (DAYS as readonly string[]).indexOf(name)),
  );

const list = new Intl.ListFormat(locale, { type: "conjunction" });

/** When it occurs; a rule that this page could not have made stays as it is. */
export function ruleOf(rrule: string, startsAt: string): string {
  const parts = new Map(rrule.split(";").map((part) => part.split("=", 2) as [string, string]));
  const [freq, by] = [parts.get("FREQ"), parts.get("BYDAY")];
  const others = [...parts.keys()].filter((key) => !["FREQ", "BYDAY", "UNTIL", "COUNT"].includes(key));
  const first = DAYS[(new Date(`${startsAt}Z`).getUTCDay() + 6) % 7] ?? "MO";
  const days = by?.split(",") ?? [first];
  const isPlain = freq === "WEEKLY" && others.length === 0 && days.every((one) => DAYS.includes(one as "MO"));
  const time = startsAt.slice(11, 16);
  if (!isPlain) return `${rrule}, ${time}`;
  return words.weekly(list.format(days.map((one) => weekday(one, "long"))), time);
}
