import { FOREVER, type Profile } from "./profile.ts";
import { type Need, type Start, startAt, windowsOf } from "./windows.ts";

/**
 * The earliest time at which `count` matching machines are free for the whole duration, lead and turnaround included.
 * Each gap of a machine is a window of feasible starts; the windows are swept in order of time: O(G log G) for G gaps.
 * @returns undefined when there is no such time, or none before `need.before`
 */
export function earliest(profile: Profile, need: Need, withUncertain: boolean): Start | undefined {
  const windows = windowsOf(profile, need, withUncertain);
  const begins = windows.map(({ lo }) => lo).sort((a, b) => a - b);
  const ends = windows.map(({ hi }) => hi).sort((a, b) => a - b);
  let [begun, over] = [0, 0];
  while (begun < begins.length) {
    const time = begins[begun] as number;
    while ((begins[begun] ?? FOREVER) <= time) begun++;
    while ((ends[over] ?? FOREVER) < time) over++;
    if (begun - over < need.count) continue;
    return startAt(windows, time, need.count);
  }
  return undefined;
}
