// What is drawn in a machine's row, and where the keyboard may stop in it.
import type { Range } from "./axis.ts";

/** A time in which a machine is somebody's, as GET /calendar says it. */
export interface Entry {
  kind: "hold" | "booking" | "queue";
  id: string | null;
  username: string | null;
  user: string | null;
  series: string | null;
  starts_at: string;
  ends_at: string;
}

/** An entry, or several that are too close together to be told apart, within the range that is shown. */
export interface Bar extends Range {
  key: string;
  entries: Entry[];
}

/**
 * @param entries by their start
 * @param least how long a bar must be for a pointer to hit it, in ms: what lies within that becomes one bar
 */
export function barsOf(entries: Entry[], range: Range, least: number): Bar[] {
  const bars: Bar[] = [];
  for (const entry of entries) {
    const from = Math.max(Date.parse(entry.starts_at), range.from);
    const to = Math.min(Date.parse(entry.ends_at), range.to);
    if (from >= to) continue;
    const last = bars.at(-1);
    if (last && from < last.from + Math.max(least, last.to - last.from)) {
      last.entries.push(entry);
      last.to = Math.max(last.to, to);
    } else
      bars.push({ key: `${entry.kind} ${entry.starts_at} ${entry.ends_at}`, from, to, entries: [entry] });
  }
  return bars;
}

/** Whether some entry lies within a time. */
export const isTaken = (entries: Entry[], { from, to }: Range) =>
  entries.some(({ starts_at, ends_at }) => Date.parse(starts_at) < to && Date.parse(ends_at) > from);

/** A place in a row where the keyboard may be: a cell that has some time left, or a bar. */
export interface Stop extends Range {
  key: string;
  bar?: Bar;
}

export const keyOfSlot = (from: number) => `slot ${from}`;

/** The stops of a row, from left to right. @param slots the starts of the cells, and the end of the last one */
export function stopsOf(bars: Bar[], slots: number[]): Stop[] {
  const stops: Stop[] = bars.map((bar) => ({ key: bar.key, from: bar.from, to: bar.to, bar }));
  let next = 0;
  for (let n = 0; n + 1 < slots.length; n++) {
    const [from, to] = [slots[n] as number, slots[n + 1] as number];
    while (next < bars.length && (bars[next] as Bar).to <= from) next++;
    let free = from;
    for (let b = next; b < bars.length && (bars[b] as Bar).from <= free; b++)
      free = Math.max(free, (bars[b] as Bar).to);
    if (free < to) stops.push({ key: keyOfSlot(from), from, to });
  }
  // Beside a bar that begins with it, a cell comes first.
  return stops.sort((a, b) => a.from - b.from || Number(a.bar !== undefined) - Number(b.bar !== undefined));
}

/** The stop at an instant: the bar if there is one, else the cell. */
export function stopAt(stops: Stop[], at: number, key?: string): Stop | undefined {
  const its = stops.filter(({ from, to }) => from <= at && at < to);
  return its.find((stop) => stop.key === key) ?? its.find(({ bar }) => bar) ?? its[0] ?? stops[0];
}
