import { en, type Texts } from "./en.ts";
import { fr } from "./fr.ts";

const ALL: Record<string, Texts> = { en, fr };

/** The page's language, which the server has chosen by Accept-Language. */
const language = document.documentElement.lang;
/** For dates and numbers: as everywhere else in the product, the day stands before the month. */
export const locale = language === "en" ? "en-GB" : language;
export const text: Texts = ALL[language] ?? en;

/** A duration in words, by its two largest units: "2 hours 5 minutes". @param ms rounded down to seconds */
export function durationOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units: [number, (n: number) => string][] = [
    [86_400, text.days],
    [3600, text.hours],
    [60, text.minutes],
    [1, text.seconds],
  ];
  const from = units.findIndex(([size]) => seconds >= size);
  if (from < 0) return text.seconds(0);
  // The last five minutes also show seconds.
  const places = from === 2 && seconds >= 300 ? 1 : 2;
  let rest = seconds;
  return units
    .slice(from, from + places)
    .flatMap(([size, words]) => {
      const n = Math.floor(rest / size);
      rest -= n * size;
      return n > 0 ? [words(n)] : [];
    })
    .join(" ");
}

const sameDay = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const otherDay = new Intl.DateTimeFormat(locale, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** A time of day, with the day if it isn't the same. @param now by the server's clock */
export function timeOf(instant: string | number, now: number): string {
  const at = new Date(instant);
  return (at.toDateString() === new Date(now).toDateString() ? sameDay : otherDay).format(at);
}
