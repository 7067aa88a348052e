// bun tests/bench/plan.ts: the cost of a plan against the size of the pool and of the queue, beside reading the same
// labels once (what any planner has to do); and the longest time that a plan in slices keeps a process from answering.

import type { Commitment, Waiting } from "../../pool/planning/place.ts";
import { plan } from "../../pool/planning/plan.ts";
import type { PlanMachine } from "../../pool/planning/profile.ts";
import { inSlices } from "../../pool/planning/slices.ts";
import { where } from "../../pool/planning/where.ts";

const MINUTE = 60_000;
const ROUNDS = 5;

/** A repeatable choice: the same numbers in each run. */
function chance(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

function world(machineCount: number, commitmentCount: number, queueLength: number, rare = false) {
  const below = chance(7);
  const machines: PlanMachine[] = Array.from({ length: machineCount }, (_, n) => {
    const labels = {
      zone: "abcdefgh"[below(8)] as string,
      ram: `${8 * (1 + below(16))}`,
      rack: `r${n % 400}`,
      ...(below(4) === 0 ? { gpu: "a100" } : {}),
    };
    return {
      labels,
      id: `m${n}`,
      name: `m${n}`,
      freeFrom: below(480 * MINUTE),
      turnaround: 5000,
      uncertain: below(50) === 0,
    };
  });
  const commitments: Commitment[] = Array.from({ length: commitmentCount }, () => {
    const from = (500 + below(10_000)) * MINUTE;
    return { machine: `m${below(machineCount)}`, from, until: from + (30 + below(200)) * MINUTE };
  });
  const queue: Waiting[] = Array.from({ length: queueLength }, (_, n) => {
    const matches = where(
      rare
        ? `rack in ["r${n}", "r${n + 1}"] && ram >= ${8 * (1 + (n % 4))}`
        : `(gpu && ram >= ${8 * (1 + (n % 12))}) || zone in ["${"abcdefgh"[n % 8]}", "h"] && !(rack == "r${n}")`,
    );
    return {
      id: `q${n}`,
      count: 1 + below(20),
      duration: (10 + below(600)) * MINUTE,
      matches: ({ labels }: PlanMachine) => matches(labels),
      floor: 0,
      told: null,
    };
  });
  return { machines, commitments, queue };
}

/** The median of some runs, in ms. */
function median(run: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return times[ROUNDS >> 1] as number;
}

console.log(
  "machines  commitments  queued     plan   labels alone   ratio   planned again (nothing changed)",
);
for (const [pool, bookings, waiting, rare] of [
  [100, 10, 5],
  [1000, 100, 20],
  [10_000, 1000, 20],
  [10_000, 1000, 200],
  [10_000, 10_000, 200],
  [20_000, 1000, 200],
  [10_000, 1000, 200, "few match"],
] as const) {
  const { machines, commitments, queue } = world(pool, bookings, waiting, rare !== undefined);
  const whole = median(() => plan(0, machines, commitments, queue));
  const labels = median(() => queue.map(({ matches }) => machines.filter(matches).length));
  const places = plan(0, machines, commitments, queue);
  const told = queue.map((one) => ({ ...one, told: places.get(one.id) ?? null }));
  const again = median(() => plan(0, machines, commitments, told));
  const cells = [`${pool}`.padStart(8), `${bookings}`.padStart(12), `${waiting}`.padStart(7)];
  console.log(
    `${cells.join(" ")} ${whole.toFixed(1).padStart(7)} ms ${labels.toFixed(1).padStart(10)} ms ${(whole / labels).toFixed(2).padStart(7)} ${again.toFixed(1).padStart(9)} ms  ${rare ?? ""}`,
  );
}

// What a request that comes in the middle of a plan waits for: the longest time between two turns of the event loop.
const { machines, commitments, queue } = world(10_000, 1000, 200);
let longest = 0;
let last = performance.now();
const turn = () => {
  const time = performance.now();
  longest = Math.max(longest, time - last);
  last = time;
};
const timer = setInterval(turn, 0);
await inSlices(0, machines, commitments, queue);
clearInterval(timer);
console.log(`in slices: the longest stall is ${longest.toFixed(1)} ms`);
