// The times at which each machine may begin a need.
import { FOREVER, type PlanMachine, type Profile, type Span } from "./profile.ts";

export interface Need {
  count: number;
  /** ms */
  duration: number;
  /** how long before its start the machines are prepared, ms */
  lead: number;
  /** not before then */
  floor: number;
  /** a start from then on is of no use */
  before: number;
  matches(machine: PlanMachine): boolean;
}

export interface Start {
  startsAt: number;
  /** indexes in the profile's machines */
  machines: number[];
}

/** A gap between a machine's spans, in which the need may start at any time from `lo` to `hi`. */
export interface Window extends Span {
  machine: number;
  lo: number;
  hi: number;
}

/**
 * Of the machines that are free, those whose gap ends soonest, which leaves the widest gaps to others; then those that
 * would have been idle for the shortest time.
 */
function tightest(a: Window, b: Window): number {
  if (a.until !== b.until) return a.until - b.until;
  return b.from - a.from || b.machine - a.machine;
}

/** The lowest of the numbers below `bound`, as many as `count`. */
class Lowest {
  readonly #count: number;
  readonly #sorted: number[] = [];
  /** the highest of them, once there are so many */
  bound: number;
  constructor(count: number, bound: number) {
    this.#count = count;
    this.bound = bound;
  }
  add(value: number): void {
    if (value >= this.bound) return;
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    this.#sorted.splice(low, 0, value);
    if (this.#sorted.length > this.#count) this.#sorted.pop();
    if (this.#sorted.length === this.#count) this.bound = this.#sorted[this.#count - 1] as number;
  }
}

/** The windows of all matching machines that begin no later than the last possible start. */
export function windowsOf(profile: Profile, need: Need, withUncertain: boolean): Window[] {
  const { duration, lead, floor, matches } = need;
  const windows: Window[] = [];
  // Once enough machines are free for good, a later window can't be the start.
  const lasting = new Lowest(need.count, need.before);
  for (const [machine, one] of profile.machines.entries()) {
    // The profile's machines are in order of that time: none of the rest begins sooner.
    if (Math.max(floor, one.freeFrom + lead) > lasting.bound) break;
    if ((one.uncertain && !withUncertain) || !matches(one)) continue;
    const add = (from: number, until: number) => {
      const lo = Math.max(floor, from + lead);
      const hi = until - duration - one.turnaround;
      if (lo <= hi && lo <= lasting.bound) windows.push({ machine, from, until, lo, hi });
      if (until === FOREVER) lasting.add(lo);
    };
    let from = one.freeFrom;
    for (const span of profile.spansOf(machine)) {
      if (span.from > from) add(from, span.from);
      from = Math.max(from, span.until);
    }
    add(from, FOREVER);
  }
  return windows.filter(({ lo }) => lo <= lasting.bound && lo < need.before);
}

/** A start at a time at which the windows of enough machines are open. */
export function startAt(windows: readonly Window[], startsAt: number, count: number): Start {
  const feasible = windows.filter(({ lo, hi }) => lo <= startsAt && startsAt <= hi).sort(tightest);
  return { startsAt, machines: feasible.slice(0, count).map(({ machine }) => machine) };
}
