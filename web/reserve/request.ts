// What the reserve form asks for, what a dry run says of it, and asking for it. It outlives a visit to another page.
import { batch, effect, signal } from "@preact/signals";
import { api, ask, refusalOf } from "../data/api.ts";
import { keepTyped } from "../data/kept.ts";
import { machines } from "../data/machines.ts";
import { numberIn } from "../data/number.ts";
import { add, isMaking, type Reservation } from "../data/reservations.ts";
import { isOpen, mayReserve, session } from "../data/session.ts";
import { type Errors, errorsOf, intoOf } from "../parts/act.tsx";
import { accessIn, keysOf, someName, suggestName } from "./asked.ts";

export const form = {
  username: signal(""),
  count: signal("1"),
  minutes: signal("60"),
  where: signal(""),
  /** picked by name, on the timeline; none: any that match */
  machines: signal<string[]>([]),
  when: signal<"now" | "wait" | "at">("now"),
  wait: signal("120"),
  startsAt: signal(""),
  access: signal<"made" | "own" | "key">("made"),
  password: signal(""),
  keys: signal(""),
};

// Not the password.
const { password: _, ...typed } = form;
keepTyped("reserve", typed);

type Body = NonNullable<Parameters<typeof api.reservations.post>[0]>;
const readForecast = (body: Body) => ask(api.reservations.post(body, { query: { dry_run: true } }));
export type Forecast = Extract<Awaited<ReturnType<typeof readForecast>>, { matching: number }>;

/** What a picked start was, and how the field says it: when clocks go back, two instants look the same there. */
let picked: { local: string; instant: number } | undefined;

/** An instant, as the browser's field for a local time has it. */
export const localIn = (instant: number) =>
  new Date(instant - new Date(instant).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** Fills in what was picked on the timeline. @param from undefined: now */
export function pick(machines: string[], from: number | undefined, minutes: number): void {
  const local = from === undefined ? "" : localIn(from);
  picked = from === undefined ? undefined : { local, instant: from };
  batch(() => {
    [form.machines.value, form.count.value] = [machines, String(Math.max(1, machines.length))];
    [form.when.value, form.startsAt.value] = [from === undefined ? "now" : "at", local];
    [form.minutes.value, errors.value] = [String(minutes), {}];
  });
}

/** Leaves one of the picked machines out. */
export function leaveOut(name: string): void {
  const rest = form.machines.value.filter((one) => one !== name);
  const all = form.count.value === String(form.machines.value.length);
  form.machines.value = rest;
  if (all) form.count.value = String(Math.max(1, rest.length));
}

function instantIn(local: string): string {
  if (picked?.local === local) return new Date(picked.instant).toISOString();
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}

/** Without the password and the keys, which a dry run has no use for. */
function whatIsAsked(username: string): Body {
  const where = form.where.value.trim();
  return {
    username,
    count: numberIn(form.count.value),
    duration: numberIn(form.minutes.value),
    ...(where ? { where } : {}),
    ...(form.machines.value.length > 0 ? { machines: form.machines.value } : {}),
    ...(form.when.value === "wait" ? { wait: numberIn(form.wait.value) } : {}),
    ...(form.when.value === "at" ? { starts_at: instantIn(form.startsAt.value) } : {}),
  };
}

export const forecast = signal<Forecast | undefined>(undefined);
/** Why there is none, in the API's words. */
export const noForecast = signal("");

const TYPING_MS = 250;
let timer: ReturnType<typeof setTimeout> | undefined;
let latest: Body | undefined;

async function foresee(body: Body): Promise<void> {
  latest = body;
  try {
    const said = await readForecast(body);
    if (latest === body && "matching" in said)
      batch(() => {
        [forecast.value, noForecast.value] = [said, ""];
      });
  } catch (error) {
    const refusal = refusalOf(error);
    if (latest === body)
      batch(() => {
        const ofName =
          form.username.value === "" && refusal.details.some(({ field }) => field === "username");
        [forecast.value, noForecast.value] = [undefined, ofName ? "" : refusal.message];
      });
  }
}

effect(() => {
  const body = whatIsAsked(someName(form.username));
  machines.value; // what is free may have changed
  clearTimeout(timer);
  const known = isOpen.value || session.value !== undefined;
  const isWhole = body.starts_at !== "";
  if (known && mayReserve.value && isWhole) timer = setTimeout(foresee, TYPING_MS, body);
});

suggestName(form.username);

export const errors = signal<Errors>({});
export const isBusy = isMaking;

export const into = intoOf(errors);

/** The fields that errors are shown beside. */
const FIELDS = [
  "username",
  "count",
  "duration",
  "where",
  "machines",
  "wait",
  "starts_at",
  "password",
  "ssh_public_keys",
];

const keys = keysOf();

/** Reserves. @returns undefined if it was refused: `errors` say why */
export async function reserve(): Promise<Reservation | undefined> {
  const body = { ...whatIsAsked(form.username.value.trim()), ...accessIn(form) };
  const key = keys.keyFor(body);
  batch(() => {
    [isBusy.value, errors.value] = [true, {}];
  });
  try {
    const made = await ask(api.reservations.post(body, { headers: { "idempotency-key": key } }));
    keys.settle();
    if (!("id" in made)) return undefined;
    add(made as Reservation);
    [form.password.value, form.keys.value] = ["", ""];
    return made as Reservation;
  } catch (error) {
    const refusal = refusalOf(error);
    keys.settle(refusal);
    errors.value = errorsOf(refusal, FIELDS);
    return undefined;
  } finally {
    isBusy.value = false;
  }
}
