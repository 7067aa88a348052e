import { locale, text } from "../text/text.ts";

const words = text.usage;
const some = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

/** Machine-hours: "12.3", "1,234". */
export const hours = (n: number): string => (n >= 100 ? whole : some).format(n);
export const count = (n: number): string => whole.format(n);

/** A time that something took, in its unit: "0.4 s", "12 min". */
export function took(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 60) return words.seconds(some.format(seconds));
  if (seconds < 3600) return words.minutes(some.format(seconds / 60));
  return words.hours(some.format(seconds / 3600));
}

const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
const long = new Intl.DateTimeFormat(locale, {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
/** A day in UTC. @param at in ms */
export const dayShort = (at: number): string => short.format(at);
export const dayLong = (at: number): string => long.format(at);

// No steps below a tenth, which is the last digit that is shown: two lines of a scale would have the same words.
/** Round numbers of hours. */
export const ROUND_HOURS = [-1, 0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power));
/** Round numbers of seconds, minutes and hours. */
export const ROUND_SECONDS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000, 86_400,
  172_800, 864_000,
];
