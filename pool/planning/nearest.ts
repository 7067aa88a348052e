// For somebody who wants a start that can't be: which ones could.
import { FOREVER, type Profile } from "./profile.ts";
import { type Need, type Start, startAt, type Window, windowsOf } from "./windows.ts";

interface Stretch {
  first: number;
  last: number;
}

/** The stretches of time, as long as they can be, at each ms of which the windows of enough machines are open. */
function stretchesOf(windows: readonly Window[], count: number, before: number): Stretch[] {
  const changes = windows
    .flatMap(({ lo, hi }) => [
      { at: lo, by: 1 },
      { at: Math.min(hi + 1, before), by: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  const stretches: Stretch[] = [];
  let open = 0;
  let first: number | undefined;
  for (const [n, { at, by }] of changes.entries()) {
    open += by;
    // What closes as another opens is no break.
    if (changes[n + 1]?.at === at) continue;
    if (open >= count) first ??= at;
    else if (first !== undefined) {
      stretches.push({ first, last: at - 1 });
      first = undefined;
    }
  }
  return stretches;
}

/**
 * The starts nearest to one, before or after it: of each stretch of time in which the need may start, the start that is
 * nearest. Counts on no uncertain machine.
 * @param around ms; itself the first of the starts when it is feasible
 * @returns up to `howMany`, the nearest first, of two equally near the sooner first; none before `need.floor`
 */
export function nearest(profile: Profile, need: Need, around: number, howMany: number): Start[] {
  const windows = windowsOf(profile, need, false);
  return stretchesOf(windows, need.count, need.before)
    .map(({ first, last }) => Math.min(Math.max(around, first), last))
    .sort((a, b) => Math.abs(a - around) - Math.abs(b - around) || a - b)
    .slice(0, howMany)
    .map((start) => startAt(windows, start, need.count));
}

/**
 * The nearest starts before and after one that can't be, of those that can be written down: whole minutes, say.
 * @param unit a minute, in ms
 * @returns the sooner first; fewer than two when there is none before or after
 */
export function nearestWhole(
  profile: Profile,
  need: Omit<Need, "before">,
  around: number,
  unit: number,
): number[] {
  const one = (from: number, before: number, close: number) =>
    nearest(profile, { ...need, floor: Math.max(need.floor, from), before }, close, 1)[0]?.startsAt;
  const search = (round: (units: number) => number, next: (bound: number) => number | undefined) => {
    for (let bound = around; ; ) {
      const found = next(bound);
      if (found === undefined) return [];
      const whole = unit * round(found / unit);
      if (one(whole, whole + 1, whole) !== undefined) return [whole];
      // That stretch of time is too short to contain a whole one.
      bound = whole;
    }
  };
  return [
    ...search(Math.floor, (bound) => one(need.floor, bound, bound)),
    ...search(Math.ceil, (bound) => one(bound, FOREVER, bound)),
  ];
}
