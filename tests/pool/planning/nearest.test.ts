import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { earliest } from "../../../pool/planning/earliest.ts";
import { nearest } from "../../../pool/planning/nearest.ts";
import { FOREVER, Profile } from "../../../pool/planning/profile.ts";
import type { Need } from "../../../pool/planning/windows.ts";
import { machines } from "./machines.ts";

// Many runs, on a machine that may be busy.
setDefaultTimeout(60_000);

// Small whole numbers instead of milliseconds: a brute force can try each of them.
const FAR = 200;

const bookings = fc.array(
  fc.record({
    machine: fc.nat(4),
    from: fc.integer({ min: -5, max: 80 }),
    length: fc.integer({ min: 1, max: 15 }),
  }),
  { maxLength: 15 },
);
const needs = fc
  .record({
    count: fc.integer({ min: 1, max: 4 }),
    duration: fc.integer({ min: 1, max: 15 }),
    lead: fc.integer({ min: 0, max: 3 }),
    floor: fc.integer({ min: 0, max: 20 }),
    before: fc.oneof(fc.constant(FOREVER), fc.integer({ min: 0, max: 110 })),
    mask: fc.integer({ min: 1, max: 31 }),
  })
  .map(({ mask, ...need }) => ({
    ...need,
    matches: ({ id }: { id: string }) => (mask & (1 << Number(id.slice(1)))) !== 0,
  }));
const worlds = fc.tuple(machines, bookings, needs).map(([all, booked, need]) => {
  const profile = new Profile(all);
  for (const { machine, from, length } of booked) {
    const index = profile.indexOf(`m${machine}`);
    if (index !== undefined) profile.add(index, { from, until: from + length });
  }
  return { profile, need };
});

/** Which machines could begin at a time. */
function open(profile: Profile, need: Need, start: number): number[] {
  if (start < need.floor || start >= need.before) return [];
  return [...profile.machines.keys()].filter((index) => {
    const machine = profile.machines[index];
    if (!machine || machine.uncertain || !need.matches(machine)) return false;
    const until = start + need.duration + machine.turnaround;
    return profile.isFree(index, { from: start - need.lead, until });
  });
}

/** Each time is tried; of each run of feasible times, the one nearest to `around` is kept. */
function bruteForce(profile: Profile, need: Need, around: number, howMany: number): number[] {
  const runs: number[][] = [];
  for (let time = 0, last = -2; time < FAR; time++) {
    if (open(profile, need, time).length < need.count) continue;
    if (time > last + 1) runs.push([]);
    runs.at(-1)?.push(time);
    last = time;
  }
  const nearer = (a: number, b: number) => Math.abs(a - around) - Math.abs(b - around) || a - b;
  return runs
    .map((times) => times.sort(nearer)[0] as number)
    .sort(nearer)
    .slice(0, howMany);
}

test("a brute force over all times agrees on the nearest starts, and the machines can begin then", () => {
  fc.assert(
    fc.property(
      worlds,
      fc.integer({ min: 0, max: 110 }),
      fc.integer({ min: 1, max: 5 }),
      (world, around, howMany) => {
        const { profile, need } = world;
        const starts = nearest(profile, need, around, howMany);
        expect(starts.map(({ startsAt }) => startsAt)).toEqual(bruteForce(profile, need, around, howMany));
        for (const { startsAt, machines: chosen } of starts) {
          expect(new Set(chosen).size).toBe(need.count);
          expect(open(profile, need, startsAt)).toEqual(expect.arrayContaining(chosen));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("the nearest start to the floor is the earliest, on the same machines", () => {
  fc.assert(
    fc.property(worlds, ({ profile, need }) => {
      expect(nearest(profile, need, need.floor, 1)[0]).toEqual(earliest(profile, need, false));
    }),
    { numRuns: 1500 },
  );
});

const need = (count: number, duration: number, floor = 0): Need => ({
  count,
  duration,
  lead: 1,
  floor,
  before: FOREVER,
  matches: () => true,
});
const pool = (size: number) =>
  new Profile(
    Array.from({ length: size }, (_, n) => ({
      id: `m${n}`,
      name: `m${n}`,
      labels: {},
      freeFrom: 0,
      turnaround: 2,
      uncertain: false,
    })),
  );

test("one is before and one after a booking, lead and turnaround included", () => {
  const profile = pool(1);
  profile.add(0, { from: 50, until: 60 });
  const starts = (around: number, howMany: number, floor = 0) =>
    nearest(profile, need(1, 10, floor), around, howMany).map(({ startsAt }) => startsAt);
  expect(starts(55, 5)).toEqual([61, 38]);
  expect(starts(45, 5)).toEqual([38, 61]);
  expect(starts(45, 1)).toEqual([38]);
  // Of two equally near, the sooner one.
  profile.add(0, { from: 60, until: 61 });
  expect(starts(50, 2)).toEqual([38, 62]);
  // Not before the floor.
  expect(starts(45, 5, 39)).toEqual([62]);
  // What can be is itself the nearest.
  expect(starts(30, 1)).toEqual([30]);
});

test("there is none when too few machines match", () => {
  expect(nearest(pool(2), need(3, 10), 50, 3)).toEqual([]);
});
