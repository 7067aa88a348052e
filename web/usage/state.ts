// The range that is chosen, and what the API says of it. It outlives a visit to another page.
import { batch, computed, effect, signal } from "@preact/signals";
import { AGAIN_MS, api, ask, mayPass, type Refusal, refusalOf } from "../data/api.ts";
import { now } from "../data/clock.ts";
import { machines } from "../data/machines.ts";
import { hear } from "../data/stream.ts";

const DAY = 24 * 3_600_000;
export const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Whole days in UTC, such as 2026-11-27; the last one is part of it. */
export const first = signal(dayOf(now() - 29 * DAY));
export const last = signal(dayOf(now()));
export const label = signal("");

/** Chooses the last days, today included. */
export function chooseDays(days: number): void {
  batch(() => {
    [first.value, last.value] = [dayOf(now() - (days - 1) * DAY), dayOf(now())];
  });
}
/** How many days were chosen so; undefined: another range. */
export const chosenDays = computed(() =>
  last.value === dayOf(now()) ? (Date.parse(last.value) - Date.parse(first.value)) / DAY + 1 : undefined,
);

type By = "day" | "user" | "label";
function queryOf(by: By) {
  const [from, end] = [Date.parse(first.value), Date.parse(last.value)];
  return {
    by,
    // A day that isn't one is for the API to refuse.
    from: Number.isNaN(from) ? first.value : new Date(from).toISOString(),
    to: Number.isNaN(end) ? last.value : new Date(end + DAY).toISOString(),
    ...(by === "label" ? { label: label.value } : {}),
  };
}
/** The address of a file with the same rows. */
export const fileOf = (by: By) => `/usage?${new URLSearchParams({ ...queryOf(by), format: "csv" })}`;

const read = (by: By) => ask(api.usage.get({ query: { ...queryOf(by), limit: 1000 } }));
export type Usage = Awaited<ReturnType<typeof read>>;
export type Row = Usage["rows"][number];

/** undefined: not loaded yet */
export const byDay = signal<Usage | undefined>(undefined);
export const byUser = signal<Usage | undefined>(undefined);
export const byLabel = signal<Usage | undefined>(undefined);
export const isLoading = signal(false);
export const trouble = signal<Refusal | undefined>(undefined);

/** The names of the machines' labels. */
export const labels = computed(() =>
  [...new Set((machines.value ?? []).flatMap((machine) => Object.keys(machine.labels)))].sort(),
);

let asked = 0;
/** Loads everything of the range. */
export async function load(): Promise<void> {
  const mine = ++asked;
  isLoading.value = true;
  try {
    const days = await read("day");
    const users = await read("user");
    const values = label.value === "" ? undefined : await read("label");
    if (mine !== asked) return;
    batch(() => {
      [byDay.value, byUser.value, byLabel.value] = [days, users, values];
      trouble.value = undefined;
    });
  } catch (error) {
    if (mine !== asked) return;
    trouble.value = refusalOf(error);
    if (mayPass(trouble.value)) setTimeout(() => mine === asked && void load(), AGAIN_MS);
  } finally {
    if (mine === asked) isLoading.value = false;
  }
}

/** While the page is open: what has just ended is in it soon, without asking again for each event. */
const SOON_MS = 5000;
export function follow(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stopHearing = hear((events) => {
    const isToday = last.value >= dayOf(now());
    const counts = events === "all" || events.some(({ action }) => /^(machine|reservation)\./.test(action));
    if (!isToday || !counts || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void load();
    }, SOON_MS);
  });
  const stopChoosing = effect(() => {
    [first.value, last.value, label.value]; // whichever changes
    void load();
  });
  return () => {
    clearTimeout(timer);
    stopHearing();
    stopChoosing();
  };
}

/** The first label, until one is chosen. */
effect(() => {
  if (label.value === "") label.value = labels.value[0] ?? "";
});
