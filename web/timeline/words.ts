// Times on the timeline, in words.
import { locale, text } from "../text/text.ts";
import type { View } from "./axis.ts";
import type { Bar, Entry } from "./bars.ts";
import { ZONE } from "./view.ts";

const words = text.timeline;
type Options = Intl.DateTimeFormatOptions;
const format = (options: Options, timeZone = ZONE) =>
  new Intl.DateTimeFormat(locale, { ...options, timeZone });

const CLOCK: Options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DATE: Options = { weekday: "short", day: "numeric", month: "short" };
const clock = format(CLOCK);
const clockUtc = format(CLOCK, "UTC");
const both = format({ ...DATE, ...CLOCK });
const bothUtc = format({ ...DATE, ...CLOCK }, "UTC");
const day = format({ day: "numeric" });
const weekday = format({ weekday: "short" });
const shortDate = format(DATE);
const TITLES: Record<View, Intl.DateTimeFormat> = {
  day: format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  week: format({ day: "numeric", month: "long", year: "numeric" }),
  month: format({ month: "long", year: "numeric" }),
};

export const clockOf = (instant: number) => clock.format(instant);
export const clockInUtc = (instant: number) => clockUtc.format(instant);
export const dayOf = (instant: number) => day.format(instant);
export const weekdayOf = (instant: number) => weekday.format(instant);
export const dateWordsOf = (instant: number) => shortDate.format(instant);
/** The day and the time. */
export const momentOf = (instant: number | string) => both.format(new Date(instant));
export const momentInUtc = (instant: number | string) => bothUtc.format(new Date(instant));

/** "Friday, 27 November 2026", "23 – 29 November 2026", "November 2026" */
export function titleOf(view: View, { from, to }: { from: number; to: number }): string {
  if (view !== "week") return TITLES[view].format(from);
  return TITLES.week.formatRange(from, to - 1);
}

/** Whose it is, as far as the API says it. */
export const whoseIs = ({ username }: Entry) => username ?? words.somebody;

/** What it is, with its series. */
export const whatIs = ({ kind, series }: Entry) =>
  series === null ? words.is[kind] : `${words.is[kind]} (${words.inSeries})`;

/** A bar's name for a screen reader. */
export function nameOf({ entries, from, to }: Bar, machine: string): string {
  const [first] = entries;
  if (entries.length === 1 && first)
    return words.bar(
      whoseIs(first),
      whatIs(first),
      machine,
      momentOf(first.starts_at),
      momentOf(first.ends_at),
    );
  const what = [...new Set(entries.map(({ kind }) => words.is[kind]))].join(", ");
  return words.bar(words.several(entries.length), what, machine, momentOf(from), momentOf(to));
}
