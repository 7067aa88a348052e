// Dragging over free cells selects them; a click on one is the shortest drag. On a touch screen, a drag scrolls, and a tap selects.
import { shown } from "../data/filter.ts";
import { slotAt } from "./axis.ts";
import { put } from "./cursor.ts";
import { book, type Cell, clearSelection, refused, selected } from "./selection.ts";
import { ROW, range, scale, slots } from "./view.ts";

/** At the edge of what is seen, dragging scrolls. */
const EDGE = 24;

/** The cell under a pointer. @param body the element whose corner is the first cell's, left of it the names */
function cellUnder(event: PointerEvent, body: HTMLElement, names: number): Cell {
  const { left, top } = body.getBoundingClientRect();
  const row = Math.floor((event.clientY - top) / ROW);
  const at = range.value.from + (event.clientX - left - names) / scale.value.perMs;
  return { row: Math.min(shown.value.length - 1, Math.max(0, row)), slot: slotAt(slots.value, at) };
}

function scrollAtEdge(event: PointerEvent, scroller: HTMLElement, names: number): void {
  const box = scroller.getBoundingClientRect();
  const down = Number(event.clientY > box.bottom - EDGE) - Number(event.clientY < box.top + 2 * EDGE);
  const right = Number(event.clientX > box.right - EDGE) - Number(event.clientX < box.left + names);
  if (down || right) scroller.scrollBy(right * EDGE, down * ROW);
}

/** Begins where the pointer is, unless that is a bar. @param names width of their column, in pixels */
export function onPointerDown(
  event: PointerEvent,
  scroller: HTMLElement,
  body: HTMLElement,
  names: number,
): void {
  const target = event.target as HTMLElement;
  if (event.button !== 0 || !body.contains(target) || target.closest(".bar, .name")) return;
  refused.value = "";
  const anchor = cellUnder(event, body, names);
  const isTouch = event.pointerType === "touch";
  if (!isTouch) {
    // The focus goes to the cell, not to what lies under it.
    event.preventDefault();
    scroller.setPointerCapture(event.pointerId);
    selected.value = { anchor, head: anchor };
  }
  const end = new AbortController();
  const { signal } = end;
  const move = (moved: PointerEvent) => {
    if (isTouch || !selected.value) return;
    scrollAtEdge(moved, scroller, names);
    selected.value = { anchor, head: cellUnder(moved, body, names) };
  };
  const up = () => {
    end.abort();
    // Escape has ended it.
    if (!isTouch && !selected.value) return;
    if (isTouch) selected.value = { anchor, head: anchor };
    put(anchor.row, slots.value[anchor.slot] as number);
    book();
  };
  const cancel = () => {
    end.abort();
    clearSelection();
  };
  scroller.addEventListener("pointermove", move, { signal });
  scroller.addEventListener("pointerup", up, { signal });
  scroller.addEventListener("pointercancel", cancel, { signal });
}
