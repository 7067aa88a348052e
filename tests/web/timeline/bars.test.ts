import { expect, setDefaultTimeout, test } from "bun:test";
import { barsOf, type Entry, isTaken, stopAt, stopsOf } from "../../../web/timeline/bars.ts";

setDefaultTimeout(60_000);

const at = (minutes: number) => new Date(minutes * 60_000).toISOString();
const entry = (from: number, to: number): Entry => ({
  kind: "hold",
  id: `${from}`,
  username: "ann",
  user: null,
  series: null,
  starts_at: at(from),
  ends_at: at(to),
});
const range = { from: 0, to: 600 * 60_000 };
const bars = (entries: Entry[], least = 0) =>
  barsOf(entries, range, least * 60_000).map(({ from, to, entries: its }) => [
    from / 60_000,
    to / 60_000,
    its.length,
  ]);

test("bars end where the range does, and what lies outside it has none", () => {
  expect(bars([entry(-60, -1), entry(-30, 30), entry(60, 90), entry(590, 700), entry(600, 610)])).toEqual([
    [0, 30, 1],
    [60, 90, 1],
    [590, 600, 1],
  ]);
});

test("what is too close together to be hit is one bar; long ones that touch are two", () => {
  const short = [0, 10, 20, 30].map((from) => entry(from, from + 10));
  expect(bars(short, 25)).toEqual([
    [0, 30, 3],
    [30, 40, 1],
  ]);
  expect(bars([entry(0, 60), entry(60, 120)], 25)).toEqual([
    [0, 60, 1],
    [60, 120, 1],
  ]);
});

test("a span is taken if any of it is", () => {
  const its = [entry(30, 60)];
  const taken = (from: number, to: number) => isTaken(its, { from: from * 60_000, to: to * 60_000 });
  expect([taken(0, 30), taken(0, 31), taken(40, 50), taken(59, 90), taken(60, 90)]).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});

test("the keyboard stops at bars, and at cells of which some is free, in their order", () => {
  const slots = [0, 30, 60, 90, 120].map((minutes) => minutes * 60_000);
  const stops = stopsOf(barsOf([entry(30, 90), entry(100, 110)], range, 0), slots);
  const said = stops.map(({ from, bar }) => `${bar ? "bar" : "cell"} ${from / 60_000}`);
  expect(said).toEqual(["cell 0", "bar 30", "cell 90", "bar 100"]);
  // Two that together fill a cell leave nothing of it.
  expect(stopsOf(barsOf([entry(0, 10), entry(10, 30)], range, 0), slots.slice(0, 2))).toHaveLength(2);
  expect(stopAt(stops, 105 * 60_000)?.bar).toBeDefined();
  expect(stopAt(stops, 105 * 60_000, stops[2]?.key)?.key).toBe(stops[2]?.key as string);
  expect(stopAt(stops, 115 * 60_000)?.bar).toBeUndefined();
});
