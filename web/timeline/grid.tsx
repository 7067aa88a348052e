// biome-ignore-all lint/a11y/useSemanticElements: a table's rows can't be left out, and a grid's can
// biome-ignore-all lint/a11y/useFocusableInteractive: only bars and free cells are stops of the keyboard
// Machines down, time across. Only the rows that are seen are drawn, and of them only what is seen.
import { computed, signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { now } from "../data/clock.ts";
import { shown } from "../data/filter.ts";
import { text } from "../text/text.ts";
import type { Bar } from "./bars.ts";
import { calendar, want } from "./calendar.ts";
import { cursor, focusing, onKey, rowOfCursor, timeOfCursor } from "./cursor.ts";
import { Head, Lines, NowLine } from "./head.tsx";
import { onPointerDown } from "./pointer.ts";
import { type Layout, Row } from "./row.tsx";
import { selected, selection } from "./selection.ts";
import { HIT, ROW, range, room, scale, slots, view, width } from "./view.ts";

/** Rows and pixels are drawn in steps of so many, with one more on each side. */
const ROWS = 8;
const ACROSS = 256;

/** What of the grid is seen, in steps. */
const seen = signal({ row: 0, rows: 40, left: 0, across: 1280 });

function look({ scrollTop, scrollLeft, clientHeight, clientWidth }: HTMLElement): void {
  const row = Math.floor(scrollTop / ROW / ROWS) * ROWS;
  const rows = Math.ceil(clientHeight / ROW / ROWS) * ROWS;
  const left = Math.floor(scrollLeft / ACROSS) * ACROSS;
  const across = Math.ceil(clientWidth / ACROSS) * ACROSS;
  const old = seen.peek();
  if (old.row === row && old.rows === rows && old.left === left && old.across === across) return;
  seen.value = { row, rows, left, across };
}

const layout = computed<Layout>(() => ({
  ...range.value,
  slots: slots.value,
  perMs: scale.value.perMs,
  left: seen.value.left - ACROSS,
  right: seen.value.left + seen.value.across + ACROSS,
}));

/** The rows that are drawn: those that are seen, and the keyboard's, which must not lose the focus. */
const drawn = computed(() => {
  const { row, rows } = seen.value;
  const [first, last] = [Math.max(0, row - ROWS), Math.min(shown.value.length, row + rows + 2 * ROWS)];
  const all = Array.from({ length: Math.max(0, last - first) }, (_, n) => first + n);
  const here = rowOfCursor();
  if (here >= last) all.push(here);
  else if (here < first) all.unshift(here);
  return all;
});

function Selected() {
  const its = selection.value;
  if (!its) return null;
  const x = scale.value.xOf(its.from);
  const style = {
    transform: `translate(${x}px, ${its.rows[0] * ROW}px)`,
    width: `${scale.value.xOf(its.to) - x}px`,
    height: `${(its.rows[1] - its.rows[0] + 1) * ROW}px`,
  };
  return (
    <div class="lines" aria-hidden="true">
      <div class="selected" style={style} />
    </div>
  );
}

function Rows({ onOpen }: { onOpen: (bar: Bar, machine: string) => void }) {
  const here = rowOfCursor();
  const at = { at: timeOfCursor(), ...(cursor.value?.key ? { key: cursor.value.key } : {}) };
  const kept = useRef(at);
  if (kept.current.at !== at.at || kept.current.key !== at.key) kept.current = at;
  return (
    <>
      {drawn.value.map((index) => {
        const machine = shown.value[index];
        return (
          machine && (
            <Row
              key={machine.name}
              index={index}
              machine={machine}
              entries={calendar.value.get(machine.name)}
              layout={layout.value}
              cursor={index === here ? kept.current : undefined}
              onOpen={onOpen}
            />
          )
        );
      })}
    </>
  );
}

const headOf = (place: HTMLElement) => place.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0;

/** Scrolls so that a cell is seen beside and below what stays in place. */
function reveal(scroller: HTMLElement, row: number, at: number): void {
  const head = headOf(scroller);
  const [top, x] = [row * ROW, scale.peek().xOf(at)];
  const bottom = top + ROW + head - scroller.clientHeight;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
  if (x < scroller.scrollLeft || x + HIT > scroller.scrollLeft + room.peek())
    scroller.scrollLeft = x - room.peek() / 3;
  look(scroller);
}

/** @param onOpen shows what a bar is */
export function Grid({ onOpen }: { onOpen: (bar: Bar, machine: string) => void }) {
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const names = () => scroller.current?.querySelector<HTMLElement>(".corner")?.offsetWidth ?? 0;

  useLayoutEffect(() => {
    const place = scroller.current as HTMLElement;
    const measure = () => {
      room.value = Math.max(100, place.clientWidth - names());
      look(place);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(place);
    return () => observer.disconnect();
  }, []);

  // Where it begins: now, if it is in sight of the view.
  const { from, to } = range.value;
  useEffect(() => {
    const place = scroller.current as HTMLElement;
    const at = now();
    place.scrollLeft = from <= at && at < to ? scale.peek().xOf(at) - room.peek() / 3 : 0;
    look(place);
  }, [from, to]);

  const wanted = drawn.value.map((index) => shown.value[index]?.name ?? "").filter(Boolean);
  const key = wanted.join();
  useEffect(() => want(wanted), [key]);
  useEffect(() => () => want([]), []);

  const focus = focusing.value;
  useLayoutEffect(() => {
    if (focus === 0) return;
    const place = scroller.current as HTMLElement;
    reveal(place, rowOfCursor(), timeOfCursor());
    place.querySelector<HTMLElement>('[role="gridcell"][tabindex="0"]')?.focus({ preventScroll: true });
  }, [focus]);
  const head = selected.value?.head;
  useLayoutEffect(() => {
    if (head && focus > 0)
      reveal(scroller.current as HTMLElement, head.row, slots.peek()[head.slot] as number);
  }, [head]);

  const keyDown = (event: KeyboardEvent) => {
    const place = event.currentTarget as HTMLElement;
    const page = Math.max(1, Math.floor((place.clientHeight - headOf(place)) / ROW) - 1);
    if (onKey(event, page, onOpen)) event.preventDefault();
  };
  return (
    <div
      ref={scroller}
      role="grid"
      class={`timeline is-${view.value}`}
      aria-label={text.pages.timeline}
      aria-rowcount={shown.value.length + 1}
      aria-colcount={slots.value.length}
      aria-multiselectable={true}
      onScroll={(event) => look(event.currentTarget)}
      onKeyDown={keyDown}
      onPointerDown={(event) =>
        onPointerDown(event, event.currentTarget, body.current as HTMLElement, names())
      }
    >
      <div role="rowgroup" class="above" style={{ "--track": `${width.value}px` }}>
        <Head />
      </div>
      <div
        ref={body}
        role="rowgroup"
        class="body"
        style={{ "--track": `${width.value}px`, height: `${shown.value.length * ROW}px` }}
      >
        <Lines />
        <NowLine />
        <Rows onOpen={onOpen} />
        <Selected />
      </div>
    </div>
  );
}
