import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Commitment, Place, Waiting } from "../../../pool/planning/place.ts";
import { plan } from "../../../pool/planning/plan.ts";
import type { PlanMachine } from "../../../pool/planning/profile.ts";
import { machines } from "./machines.ts";

// Many runs, on a machine that may be busy.
setDefaultTimeout(60_000);

// Small whole numbers instead of milliseconds: a brute-force planner can try each of them.
const FAR = 400;
const LABELS = ["x", "y", "z"];

interface Request {
  id: string;
  count: number;
  duration: number;
  /** which machines it may have, by a bit each of their number */
  mask: number;
  told: Place | null;
}
const numberOf = (machine: { id: string }) => Number(machine.id.slice(1));
const waiting = ({ mask, ...rest }: Request): Waiting => ({
  ...rest,
  floor: 0,
  matches: (machine) => (mask & (1 << (numberOf(machine) % LABELS.length))) !== 0,
});
const planOf = (now: number, machines: PlanMachine[], commitments: Commitment[], queue: Request[]) =>
  plan(now, machines, commitments, queue.map(waiting));

const certain = machines.map((all) => all.map((one) => ({ ...one, uncertain: false })));
const requests = fc
  .array(
    fc.record({
      count: fc.integer({ min: 1, max: 4 }),
      duration: fc.integer({ min: 1, max: 20 }),
      mask: fc.integer({ min: 1, max: 7 }),
    }),
    { maxLength: 6 },
  )
  .map((all) => all.map((one, n) => ({ ...one, id: `r${n}`, told: null as Place | null })));
/** Bookings that don't overlap each other or the machines' holders. */
const bookingsOf = (all: PlanMachine[]) =>
  fc
    .array(
      fc.tuple(fc.nat(all.length - 1), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 15 })),
      { maxLength: 6 },
    )
    .map((wanted) => {
      const made: Commitment[] = [];
      for (const [n, from, length] of wanted) {
        const { id: machine, freeFrom } = all[n] as PlanMachine;
        const until = from + length;
        if (
          from < freeFrom ||
          made.some((one) => one.machine === machine && one.from < until && from < one.until)
        )
          continue;
        made.push({ machine, from, until });
      }
      return made;
    });
const world = machines.chain((all) => fc.tuple(fc.constant(all), bookingsOf(all), requests));
const certainWorld = certain.chain((all) => fc.tuple(fc.constant(all), bookingsOf(all), requests));
const told = (queue: Request[], places: Map<string, Place | null>): Request[] =>
  queue.map((one) => ({ ...one, told: places.get(one.id) ?? null }));
const startOf = (places: Map<string, Place | null>, id: string) => places.get(id)?.startsAt ?? FAR;
const RUNS = { numRuns: 1500 };

/** What each machine is taken for: by holders, bookings and the plan. */
function spans(
  now: number,
  all: PlanMachine[],
  commitments: Commitment[],
  queue: Request[],
  places: Map<string, Place | null>,
) {
  const taken = all.map(({ id, freeFrom }) => ({
    machine: id,
    from: Number.NEGATIVE_INFINITY,
    until: freeFrom,
  }));
  const planned = queue.flatMap(({ id, duration }) =>
    (places.get(id)?.machines ?? []).map((machine) => {
      const from = Math.max(now, startOf(places, id));
      const { turnaround } = all.find((one) => one.id === machine) as PlanMachine;
      return { machine, from, until: from + duration + turnaround };
    }),
  );
  return [...taken, ...commitments, ...planned];
}

test("no machine has two commitments at once, and every place is what was asked for", () => {
  fc.assert(
    fc.property(world, fc.integer({ min: 0, max: 9 }), ([all, bookings, queue], now) => {
      const places = planOf(now, all, bookings, queue);
      const taken = spans(now, all, bookings, queue, places);
      for (const [n, a] of taken.entries())
        for (const b of taken.slice(n + 1))
          if (a.machine === b.machine) expect(a.from < b.until && b.from < a.until).toBe(false);
      for (const one of queue) {
        const place = places.get(one.id);
        const matching = all.filter((machine) => waiting(one).matches(machine));
        if (!place) expect(matching.length).toBeLessThan(one.count);
        else {
          expect(new Set(place.machines).size).toBe(one.count);
          expect(matching.map(({ id }) => id)).toEqual(expect.arrayContaining(place.machines));
          expect(place.startsAt).toBeGreaterThanOrEqual(now);
        }
      }
    }),
    RUNS,
  );
});

test("no request is planned later because a later one came", () => {
  fc.assert(
    fc.property(world, ([all, bookings, queue]) => {
      const [last, ...others] = queue.toReversed();
      if (!last) return;
      const without = planOf(0, all, bookings, others.toReversed());
      const places = planOf(0, all, bookings, queue);
      for (const { id } of others) expect(places.get(id)).toEqual(without.get(id) as Place | null);
    }),
    RUNS,
  );
});

test("a release, a shorter end, a cancelled request or a new machine never makes a start later", () => {
  const change = fc.record({
    kind: fc.constantFrom("sooner", "new machine", "cancelled", "booking cancelled"),
    which: fc.nat(9),
    by: fc.integer({ min: 1, max: 30 }),
    later: fc.integer({ min: 0, max: 8 }),
  });
  fc.assert(
    fc.property(certainWorld, change, ([all, bookings, queue], { kind, which, by, later }) => {
      const before = planOf(0, all, bookings, queue);
      let [machinesNow, bookingsNow, queueNow] = [all, bookings, told(queue, before)];
      const pick = <T>(list: T[]) => which % Math.max(1, list.length);
      if (kind === "sooner")
        machinesNow = all.map((one, n) => (n === pick(all) ? { ...one, freeFrom: one.freeFrom - by } : one));
      if (kind === "new machine")
        machinesNow = [
          ...all,
          { id: `m${all.length}`, name: "new", labels: {}, freeFrom: by, turnaround: 0, uncertain: false },
        ];
      if (kind === "cancelled") queueNow = queueNow.filter((_, n) => n !== pick(queueNow));
      if (kind === "booking cancelled") bookingsNow = bookings.filter((_, n) => n !== pick(bookings));
      // Time has gone on, but not past the next start: those that are due have their machines already.
      const next = Math.min(...queue.map(({ id }) => startOf(before, id)), FAR);
      const now = Math.min(later, next);
      const after = planOf(now, machinesNow, bookingsNow, queueNow);
      for (const { id } of queueNow) expect(startOf(after, id)).toBeLessThanOrEqual(startOf(before, id));
    }),
    RUNS,
  );
});

test("a plan that was told stays as it is while nothing changes, whoever comes", () => {
  fc.assert(
    fc.property(world, requests, ([all, bookings, queue], more) => {
      const places = planOf(0, all, bookings, queue);
      const newer = more.map((one) => ({ ...one, id: `new ${one.id}` }));
      // Even those with a higher priority, which come before.
      const after = planOf(0, all, bookings, [...newer, ...told(queue, places)]);
      for (const { id } of queue) expect(after.get(id)).toEqual(places.get(id) as Place | null);
    }),
    RUNS,
  );
});

test("same input, same plan; the machines' order doesn't matter", () => {
  fc.assert(
    fc.property(world, ([all, bookings, queue]) => {
      const places = planOf(0, all, bookings, queue);
      expect(planOf(0, all.toReversed(), bookings.toReversed(), queue)).toEqual(places);
    }),
    RUNS,
  );
});

/** The plan by trying each time, and each machine at it: the definition, without the sweep. */
function bruteForce(now: number, all: PlanMachine[], commitments: Commitment[], queue: Request[]) {
  const places = new Map<string, Place | null>();
  const taken: Commitment[] = [...commitments];
  for (const request of queue) {
    const { id, count, duration } = request;
    const { matches } = waiting(request);
    const at = (time: number, withUncertain: boolean) =>
      all
        .filter((machine) => matches(machine) && (withUncertain || !machine.uncertain))
        .flatMap((machine) => {
          const until = time + duration + machine.turnaround;
          const its = taken.filter((one) => one.machine === machine.id);
          if (machine.freeFrom > time || its.some((one) => one.from < until && time < one.until)) return [];
          const gapStart = Math.max(
            machine.freeFrom,
            ...its.filter((one) => one.until <= time).map((one) => one.until),
          );
          const gapEnd = Math.min(
            Number.POSITIVE_INFINITY,
            ...its.filter((one) => one.from >= until).map((one) => one.from),
          );
          return [{ machine, gapStart, gapEnd }];
        })
        .sort((a, b) =>
          a.gapEnd !== b.gapEnd
            ? a.gapEnd - b.gapEnd
            : b.gapStart - a.gapStart ||
              b.machine.freeFrom - a.machine.freeFrom ||
              (a.machine.id < b.machine.id ? -1 : 1),
        )
        .map(({ machine }) => machine);
    let place: Place | null = null;
    for (const uncertain of [false, true])
      for (let time = now; time < FAR && !place; time++) {
        const free = at(time, uncertain);
        if (free.length >= count)
          place = { startsAt: time, machines: free.slice(0, count).map((machine) => machine.id), uncertain };
      }
    places.set(id, place);
    for (const machine of place?.machines ?? []) {
      const { turnaround } = all.find((one) => one.id === machine) as PlanMachine;
      const from = place?.startsAt ?? 0;
      taken.push({ machine, from, until: from + duration + turnaround });
    }
  }
  return places;
}

test("a brute-force planner agrees on every start and every machine", () => {
  fc.assert(
    fc.property(world, fc.integer({ min: 0, max: 9 }), ([all, bookings, queue], now) => {
      expect(planOf(now, all, bookings, queue)).toEqual(bruteForce(now, all, bookings, queue));
    }),
    RUNS,
  );
});

const machine = (id: string, freeFrom = 0, uncertain = false): PlanMachine => ({
  id,
  name: id,
  labels: {},
  freeFrom,
  turnaround: 1,
  uncertain,
});
const request = (id: string, count: number, duration: number): Request => ({
  id,
  count,
  duration,
  mask: 7,
  told: null,
});

test("a short request fills the gap before a wide one", () => {
  // m1 is taken until 10: the wide one waits for both, and the short ones may have m0 until then.
  const places = planOf(
    0,
    [machine("m0"), machine("m1", 10)],
    [],
    [request("wide", 2, 20), request("short", 1, 9), request("long", 1, 10)],
  );
  expect(places.get("wide")).toMatchObject({ startsAt: 10 });
  expect(places.get("short")).toMatchObject({ startsAt: 0, machines: ["m0"] });
  expect(places.get("long")).toMatchObject({ startsAt: 31 });
});

test("a quarantined machine is counted on only if there is no other, and what it was told is uncertain", () => {
  const only = planOf(0, [machine("m0", 5, true)], [], [request("a", 1, 9)]);
  expect(only.get("a")).toEqual({ startsAt: 5, machines: ["m0"], uncertain: true });
  const both = [machine("m0", 5, true), machine("m1", 100)];
  expect(planOf(0, both, [], [request("a", 1, 9)]).get("a")).toMatchObject({
    startsAt: 100,
    machines: ["m1"],
  });
  // Once told, it stays until the retry has failed, or another machine is free as soon.
  const queue = told([request("a", 1, 9)], only);
  expect(planOf(0, both, [], queue).get("a")).toEqual(only.get("a") as Place);
  const soon = planOf(0, [machine("m0", 5, true), machine("m1", 5)], [], queue);
  expect(soon.get("a")).toEqual({ startsAt: 5, machines: ["m1"], uncertain: false });
});

test("a start that is overdue is kept while its machine may be clean any moment, and moves when it breaks", () => {
  const queue = [{ ...request("a", 1, 9), told: { startsAt: 3, machines: ["m0"], uncertain: false } }];
  expect(planOf(7, [machine("m0", 7), machine("m1", 50)], [], queue).get("a")).toEqual(
    queue[0]?.told as Place,
  );
  const broken = planOf(7, [machine("m0", 300, true), machine("m1", 50)], [], queue);
  expect(broken.get("a")).toEqual({ startsAt: 50, machines: ["m1"], uncertain: false });
});

test("a machine that is free a little sooner moves its next start by as much", () => {
  const before = planOf(0, [machine("m0", 20)], [], [request("a", 1, 9), request("b", 1, 9)]);
  const after = planOf(0, [machine("m0", 15)], [], told([request("a", 1, 9), request("b", 1, 9)], before));
  const starts = (places: Map<string, Place | null>) => [startOf(places, "a"), startOf(places, "b")];
  expect([starts(before), starts(after)]).toEqual([
    [20, 30],
    [15, 25],
  ]);
});

test("a booking that is improved keeps its lead free too", () => {
  // Told on a quarantined machine; the other one is held until into the lead.
  const booking: Waiting = {
    id: "a",
    count: 1,
    duration: 9,
    floor: 100,
    fixed: true,
    lead: 60,
    matches: () => true,
    told: { startsAt: 100, machines: ["m0"], uncertain: true },
  };
  const placed = (freeFrom: number) =>
    plan(0, [machine("m0", 5, true), machine("m1", freeFrom)], [], [booking]).get("a");
  expect(placed(41)).toEqual(booking.told);
  expect(placed(40)).toEqual({ startsAt: 100, machines: ["m1"], uncertain: false });
});

test("when a machine is free early, whoever came first gains first, and all others move up", () => {
  const machines = (free: number) => [machine("m0", 10), machine("m1", 20), machine("m2", free)];
  const queue = ["a", "b", "c"].map((id) => request(id, 1, 99));
  const before = planOf(0, machines(30), [], queue);
  expect(queue.map(({ id }) => startOf(before, id))).toEqual([10, 20, 30]);
  const after = planOf(0, machines(0), [], told(queue, before));
  expect(queue.map(({ id }) => startOf(after, id))).toEqual([0, 10, 20]);
});

test("nobody moves up at the cost of a start that was told", () => {
  // m0 is free from 10 on, for "wide" and "short" in turn. That m1 is free at once lets "wide" start at 10, but "short" was
  // told that, and has no other place.
  const all = [machine("m0", 10), machine("m1", 200)];
  const short = { ...request("short", 1, 9), told: { startsAt: 10, machines: ["m0"], uncertain: false } };
  const wide = {
    ...request("wide", 2, 50),
    told: { startsAt: 201, machines: ["m0", "m1"], uncertain: false },
  };
  const after = planOf(0, [{ ...(all[0] as PlanMachine) }, machine("m1", 0)], [], [wide, short]);
  expect([startOf(after, "short"), startOf(after, "wide")]).toEqual([0, 10]);
  const tight = planOf(
    0,
    [machine("m0", 10), { ...machine("m1", 10) }],
    [{ machine: "m1", from: 15, until: 30 }],
    [wide, short],
  );
  expect(startOf(tight, "short")).toBeLessThanOrEqual(10);
  expect(startOf(tight, "wide")).toBeLessThanOrEqual(201);
});
