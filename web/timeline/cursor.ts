// Where the keyboard is in the grid, and where its keys lead.
import { signal } from "@preact/signals";
import { now } from "../data/clock.ts";
import { shown } from "../data/filter.ts";
import { slotAt } from "./axis.ts";
import { type Bar, barsOf, type Stop, stopAt, stopsOf } from "./bars.ts";
import { calendar } from "./calendar.ts";
import { book, type Cell, clearSelection, selected, selection, tellSelection } from "./selection.ts";
import { HIT, range, scale, slots } from "./view.ts";

/** A machine, a time, and what of several stops there. */
export const cursor = signal<{ name: string; at: number; key?: string } | undefined>(undefined);
/** Counts up when the focus is to follow the cursor. */
export const focusing = signal(0);

const barsIn = (name: string): Bar[] =>
  barsOf(calendar.value.get(name) ?? [], range.value, HIT / scale.value.perMs);

/** The cursor's row; the first if it has none, or its machine isn't shown any more. */
export function rowOfCursor(): number {
  const name = cursor.value?.name;
  return Math.max(0, name === undefined ? 0 : shown.value.findIndex((one) => one.name === name));
}

/** An instant that is shown: the cursor's, else now, else the first. */
export function timeOfCursor(): number {
  const { from, to } = range.value;
  const at = cursor.value?.at ?? now();
  return from <= at && at < to ? at : from;
}

const stopOfCursor = (bars: Bar[]): Stop | undefined =>
  stopAt(stopsOf(bars, slots.value), timeOfCursor(), cursor.value?.key);

/** The focus is there already: by a click, or by a screen reader. */
export function at(name: string, instant: number, key: string): void {
  const old = cursor.peek();
  if (old?.name !== name || old.key !== key) cursor.value = { name, at: instant, key };
}

export function put(row: number, at: number, key?: string): void {
  const name = shown.value[row]?.name;
  if (name === undefined) return;
  cursor.value = { name, at, ...(key === undefined ? {} : { key }) };
  focusing.value++;
}

/** The cell of the cursor, whatever is in it. */
const cellOfCursor = (): Cell => ({ row: rowOfCursor(), slot: slotAt(slots.value, timeOfCursor()) });

function sideways(by: number): void {
  const row = rowOfCursor();
  const bars = barsIn(shown.value[row]?.name ?? "");
  const stops = stopsOf(bars, slots.value);
  const here = stopOfCursor(bars);
  const next = stops[stops.findIndex(({ key }) => key === here?.key) + by];
  if (next) put(row, next.from, next.key);
}

function upright(by: number): void {
  const last = shown.value.length - 1;
  put(Math.min(last, Math.max(0, rowOfCursor() + by)), timeOfCursor());
}

/** Selects on, by cells. The focus stays where it began. */
function stretch(rows: number, cells: number): void {
  const { anchor, head } = selected.value ?? { anchor: cellOfCursor(), head: cellOfCursor() };
  const within = (n: number, most: number) => Math.min(most, Math.max(0, n));
  const row = within(head.row + rows, shown.value.length - 1);
  const slot = within(head.slot + cells, slots.value.length - 2);
  selected.value = { anchor, head: { row, slot } };
  tellSelection();
}

const ARROWS: Record<string, [rows: number, cells: number]> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

/** Home and End: the first or last cell; with Ctrl, of the first or last row. */
function toEdge(isEnd: boolean, isFar: boolean): void {
  const last = shown.value.length - 1;
  const row = isFar ? (isEnd ? last : 0) : rowOfCursor();
  const stops = stopsOf(barsIn(shown.value[row]?.name ?? ""), slots.value);
  const stop = isEnd ? stops.at(-1) : stops[0];
  if (stop) put(row, stop.from, stop.key);
}

/** Enter on a free cell, or on what is selected. */
function bookHere(): void {
  const cell = cellOfCursor();
  if (!selection.value) selected.value = { anchor: cell, head: cell };
  book();
}

/**
 * What a key does in the grid.
 * @param page rows that are seen at once
 * @param open opens a bar
 * @returns whether it did anything
 */
export function onKey(event: KeyboardEvent, page: number, open: (bar: Bar, name: string) => void): boolean {
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) {
    stretch(...arrow);
    return true;
  }
  if (event.key === "Escape") {
    if (!selected.value) return false;
    clearSelection();
    return true;
  }
  if (event.key === "Enter" || event.key === " ") {
    const name = shown.value[rowOfCursor()]?.name ?? "";
    const bar = stopOfCursor(barsIn(name))?.bar;
    if (bar && !selected.value) open(bar, name);
    else bookHere();
    return true;
  }
  const moves: Record<string, () => void> = {
    PageUp: () => upright(-page),
    PageDown: () => upright(page),
    Home: () => toEdge(false, event.ctrlKey),
    End: () => toEdge(true, event.ctrlKey),
  };
  const move = arrow ? () => (arrow[0] ? upright(arrow[0]) : sideways(arrow[1])) : moves[event.key];
  if (!move || event.altKey || event.metaKey) return false;
  clearSelection();
  move();
  return true;
}
