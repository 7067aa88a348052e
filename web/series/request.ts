// What the form of a series asks for, what a dry run says of it, and making it. It outlives a visit to another page.
import { batch, effect, signal } from "@preact/signals";
import { api, ask, refusalOf } from "../data/api.ts";
import { keepTyped } from "../data/kept.ts";
import { numberIn } from "../data/number.ts";
import { isOpen, mayReserve, session } from "../data/session.ts";
import { type Errors, errorsOf, intoOf } from "../parts/act.tsx";
import { accessIn, keysOf, someName, suggestName } from "../reserve/asked.ts";
import { text } from "../text/text.ts";

export const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;

export const form = {
  username: signal(""),
  count: signal("1"),
  where: signal(""),
  days: signal<string[]>([]),
  /** local in the time zone, as the API takes it */
  startsAt: signal(""),
  minutes: signal("90"),
  timeZone: signal(Intl.DateTimeFormat().resolvedOptions().timeZone),
  ends: signal<"never" | "until" | "after">("until"),
  until: signal(""),
  times: signal("12"),
  exceptDates: signal<string[]>([]),
  /** "skip": what can't be booked is left out */
  onConflict: signal<"refuse" | "skip">("refuse"),
  access: signal<"made" | "own" | "key">("made"),
  password: signal(""),
  keys: signal(""),
};
// Not the password.
const { password: _, ...typed } = form;
keepTyped("series", typed);

export const errors = signal<Errors>({});
export const into = intoOf(errors);
export const isBusy = signal(false);

type Body = NonNullable<Parameters<typeof api.series.post>[0]>;
const readForecast = (body: Body) => ask(api.series.post(body, { query: { dry_run: true } }));
export type Forecast = Extract<Awaited<ReturnType<typeof readForecast>>, { matching: number }>;
export type Conflict = Forecast["conflicts"][number];

/** As in RFC 5545. Without days: on the weekday of the first time. */
function ruleIn(): string {
  const { days, ends, until, times } = form;
  const chosen = DAYS.filter((day) => days.value.includes(day));
  const parts = ["FREQ=WEEKLY"];
  if (chosen.length > 0) parts.push(`BYDAY=${chosen.join(",")}`);
  if (ends.value === "until" && until.value) parts.push(`UNTIL=${until.value.replaceAll("-", "")}`);
  if (ends.value === "after") parts.push(`COUNT=${times.value.trim()}`);
  return parts.join(";");
}

function whatIsAsked(username: string): Body {
  const where = form.where.value.trim();
  return {
    username,
    count: numberIn(form.count.value),
    duration: numberIn(form.minutes.value),
    ...(where ? { where } : {}),
    rrule: ruleIn(),
    starts_at: form.startsAt.value,
    time_zone: form.timeZone.value,
    except_dates: form.exceptDates.value,
    on_conflict: form.onConflict.value,
  };
}

export function leaveOutDate(date: string): void {
  const all = new Set(form.exceptDates.value).add(date);
  into(form.exceptDates, "except_dates")([...all].sort());
}
export function takeDateBack(date: string): void {
  into(form.exceptDates, "except_dates")(form.exceptDates.value.filter((one) => one !== date));
}

export const forecast = signal<Forecast | undefined>(undefined);
/** Why there is none, in the API's words. */
export const noForecast = signal("");
export const isLooking = signal(false);

/** It plans the whole series, so it waits until typing has paused. */
const TYPING_MS = 400;
let timer: ReturnType<typeof setTimeout> | undefined;
let latest: Body | undefined;

async function foresee(body: Body): Promise<void> {
  latest = body;
  isLooking.value = true;
  let [found, wrong]: [Forecast | undefined, string] = [undefined, ""];
  try {
    const said = await readForecast(body);
    if ("matching" in said) found = said;
  } catch (error) {
    const { message, details } = refusalOf(error);
    const ofName = form.username.value === "" && details.some(({ field }) => field === "username");
    wrong = ofName ? "" : message;
  }
  if (latest !== body) return;
  batch(() => {
    [forecast.value, noForecast.value, isLooking.value] = [found, wrong, false];
  });
}

/** Looks again, when something was changed or others have reserved. */
export function foreseeSoon(): void {
  const body = whatIsAsked(someName(form.username));
  clearTimeout(timer);
  const known = isOpen.value || session.value !== undefined;
  const isWhole = form.startsAt.value !== "" && (form.ends.value !== "until" || form.until.value !== "");
  if (known && mayReserve.value && isWhole) timer = setTimeout(foresee, TYPING_MS, body);
  else [forecast.value, noForecast.value, latest] = [undefined, "", undefined];
}
effect(foreseeSoon);

suggestName(form.username);

const FIELDS = [
  "username",
  "count",
  "duration",
  "where",
  "rrule",
  "starts_at",
  "time_zone",
  "except_dates",
  "password",
  "ssh_public_keys",
];

const keys = keysOf();

/** Makes the series. @returns undefined if it was refused: `errors` say why */
export async function makeSeries() {
  if (form.ends.value === "until" && form.until.value === "") {
    errors.value = { rrule: text.series.sayUntil };
    return undefined;
  }
  const body = { ...whatIsAsked(form.username.value.trim()), ...accessIn(form) };
  const key = keys.keyFor(body);
  batch(() => {
    [isBusy.value, errors.value] = [true, {}];
  });
  try {
    const made = await ask(api.series.post(body, { headers: { "idempotency-key": key } }));
    keys.settle();
    batch(() => {
      [form.password.value, form.keys.value, form.startsAt.value] = ["", "", ""];
      form.exceptDates.value = [];
    });
    return "id" in made ? made : undefined;
  } catch (error) {
    const refusal = refusalOf(error);
    keys.settle(refusal);
    errors.value = errorsOf(refusal, FIELDS);
    return undefined;
  } finally {
    isBusy.value = false;
  }
}
