// Which time is shown, and how it is laid out; kept while another page is open.
import { computed, signal } from "@preact/signals";
import { now } from "../data/clock.ts";
import { dateOf, rangeOf, shift, slotsOf, ticksOf, type View } from "./axis.ts";

/** The browser's own. */
export const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const VIEWS = ["day", "week", "month"] as const;

export const view = signal<View>("day");
/** A date in it. */
export const date = signal(dateOf(now(), ZONE));

export const range = computed(() => rangeOf(view.value, date.value, ZONE));
export const slots = computed(() => slotsOf(view.value, range.value, ZONE));
export const ticks = computed(() => ticksOf(view.value, range.value, ZONE));

export function go(by: number): void {
  date.value = shift(view.value, date.value, by);
}

export const isToday = () => range.value.from <= now() && now() < range.value.to;
export function goToday(): void {
  date.value = dateOf(now(), ZONE);
}

/** Height of a row, in pixels; style/timeline.css has the same. */
export const ROW = 32;
/** The least that a pointer can hit, in pixels. */
export const HIT = 24;
/** So wide that its label and a pointer find room. */
const LEAST: Record<View, number> = { day: 22, week: 12.5, month: 34 };

/** The room beside the machines' names, in pixels. */
export const room = signal(800);
export const width = computed(() => Math.max(room.value, (slots.value.length - 1) * LEAST[view.value]));

/** Where an instant is, in pixels from the beginning. */
export const scale = computed(() => {
  const [{ from, to }, wide] = [range.value, width.value];
  const perMs = wide / (to - from);
  return { perMs, xOf: (instant: number) => (instant - from) * perMs };
});
