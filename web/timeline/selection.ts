// Cells that somebody selects, with a pointer or the keyboard, and the time that they are.
import { batch, computed, signal } from "@preact/signals";
import { now } from "../data/clock.ts";
import { shown } from "../data/filter.ts";
import { kindOf } from "../data/machines.ts";
import { mayReserve } from "../data/session.ts";
import { announce } from "../parts/live.tsx";
import { pick } from "../reserve/request.ts";
import { text } from "../text/text.ts";
import { isTaken } from "./bars.ts";
import { calendar } from "./calendar.ts";
import { slots } from "./view.ts";
import { momentOf } from "./words.ts";

const words = text.timeline;

/** A cell, by the places of its machine and of its time. */
export interface Cell {
  row: number;
  slot: number;
}

/** Where it began, and where it is now. */
export const selected = signal<{ anchor: Cell; head: Cell } | undefined>(undefined);
export const clearSelection = (): void => {
  selected.value = undefined;
};

/** The rows and the time of it. */
export const selection = computed(() => {
  const its = selected.value;
  if (!its) return undefined;
  const { anchor, head } = its;
  const rows = [Math.min(anchor.row, head.row), Math.max(anchor.row, head.row)] as const;
  const [first, last] = [Math.min(anchor.slot, head.slot), Math.max(anchor.slot, head.slot)];
  return { rows, from: slots.value[first] as number, to: slots.value[last + 1] as number };
});

/** Says how much is selected. */
export function tellSelection(): void {
  const its = selection.value;
  if (its) announce(words.selected(its.rows[1] - its.rows[0] + 1, momentOf(its.from), momentOf(its.to)));
}

/** What the form is being shown for. */
export const booking = signal<{ leftOut: string[] } | undefined>(undefined);
/** Why nothing was opened for the last selection. */
export const refused = signal("");

function refuse(why: string): void {
  refused.value = why;
  announce(why);
  clearSelection();
}

/** Why nothing can be reserved in a time; undefined: it can. */
function refusalOf(to: number): string | undefined {
  if (!mayReserve.value) return words.viewOnly;
  return to <= now() ? words.isPast : undefined;
}

/** Opens the form for what is selected: those of its machines that are free for all of its time. */
export function book(): void {
  const its = selection.value;
  if (!its) return;
  const from = Math.max(its.from, now());
  const all = shown.value.slice(its.rows[0], its.rows[1] + 1);
  const free = all.filter(
    (one) =>
      !["drained", "removing"].includes(kindOf(one)) &&
      !isTaken(calendar.value.get(one.name) ?? [], { from, to: its.to }),
  );
  const why = refusalOf(its.to) ?? (free.length === 0 ? words.noneFree : undefined);
  if (why !== undefined) {
    refuse(why);
    return;
  }
  batch(() => {
    refused.value = "";
    pick(
      free.map(({ name }) => name),
      from === its.from ? from : undefined,
      Math.max(1, Math.floor((its.to - from) / 60_000)),
    );
    booking.value = { leftOut: all.filter((one) => !free.includes(one)).map(({ name }) => name) };
  });
}
