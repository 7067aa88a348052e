import type { Tx } from "../../../db/client.ts";
import { record } from "../../audit/events.ts";
import { PoolError } from "../../errors.ts";
import { nearestWhole } from "../../planning/nearest.ts";
import type { Profile } from "../../planning/profile.ts";
import { localTime } from "../../planning/recurrence.ts";
import { startAt, windowsOf } from "../../planning/windows.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceLimits } from "../limits/enforce.ts";
import { pin, writeBooking } from "../schedule/book.ts";
import { type Candidate, candidateOf, leftBeside, placesWith } from "../schedule/foresee.ts";
import { missingOf } from "../schedule/never_enough.ts";
import type { Planned } from "../schedule/places.ts";
import { LEAD, MINUTE, readWorld } from "../schedule/world.ts";
import type { Admitted } from "../steps/admit.ts";

/** An occurrence that can't be. Times in ms since 1970. */
export interface Conflict {
  at: number;
  reason: string;
  /** the nearest starts that could be, before and after; none when it isn't machines that are lacking */
  nearest: number[];
}

export interface Outcome {
  /** how many machines of the pool match */
  matching: number;
  /** see `missingOf` */
  missing: string[];
  booked: number[];
  conflicts: Conflict[];
}

/** For so many conflicts the nearest starts are looked for: each takes a look at the whole pool. */
const MOST_NEAREST = 50;

/** Why a user's limits don't allow an occurrence; undefined: they do. */
async function refusalOf(deps: ReservationsDeps, tx: Tx, asked: Admitted): Promise<string | undefined> {
  try {
    await enforceLimits(deps, tx, asked, "booking");
    return undefined;
  } catch (error) {
    if (error instanceof PoolError && error.kind === "limit_reached") return error.message;
    throw error;
  }
}

/** Why there are not enough machines for an occurrence, and when there would be. */
function lacking(profile: Profile, candidate: Candidate, now: number, withNearest: boolean): Conflict {
  const { count, duration, floor: at, matches, lead = 0 } = candidate;
  const windows = windowsOf(profile, { count, duration, lead, floor: at, before: at + 1, matches }, false);
  const free = startAt(windows, at, count).machines.length;
  const need = { count, duration, lead: LEAD, floor: now + LEAD, matches };
  const reason = `${count} requested, ${free} free at that time`;
  return { at, reason, nearest: withNearest ? nearestWhole(profile, need, at, MINUTE) : [] };
}

/**
 * Books occurrences of a series, each as a reservation; in a transaction that has the plan's lock.
 * @param times their starts, each once
 * @param now the time of the plan
 * @returns those that were booked, and why the others can't be
 * @throws Taken; PoolError user_not_found
 */
export async function bookOccurrences(
  deps: ReservationsDeps,
  tx: Tx,
  series: string,
  admitted: Admitted,
  times: number[],
  now: number,
): Promise<Outcome> {
  const { priority } = admitted;
  const world = { ...(await readWorld(tx, true)), now };
  const all = times.map((at) => {
    const asked = { ...admitted, startsAt: new Date(at) };
    return { at, asked, candidate: candidateOf(crypto.randomUUID(), asked, now) };
  });
  const candidates = all.map(({ candidate }) => candidate);
  const places = await placesWith(world, candidates, priority);
  const planned: Planned[] = [];
  const refused: Conflict[] = [];
  const short: Candidate[] = [];
  for (const { at, asked, candidate } of all) {
    const place = places.get(candidate.id);
    if (!place) {
      short.push(candidate);
      continue;
    }
    const reason = await refusalOf(deps, tx, asked);
    if (reason === undefined) planned.push(await writeBooking(deps, tx, candidate, asked, place, series));
    else {
      refused.push({ at, reason, nearest: [] });
      places.set(candidate.id, null);
    }
  }
  await pin(deps, tx, world, planned);
  if (short.length > 0) {
    const left = leftBeside(world, candidates, priority, places);
    for (const [n, candidate] of short.entries()) {
      refused.push(lacking(left, candidate, now, n < MOST_NEAREST));
      await new Promise((go) => setImmediate(go));
    }
  }
  return {
    missing: missingOf(admitted.wanted, world.machines),
    matching: candidates[0] ? world.machines.filter(candidates[0].matches).length : 0,
    booked: planned.map(({ entry }) => entry.floor),
    conflicts: refused.sort((a, b) => a.at - b.at),
  };
}

export const isoOf = (at: number) => new Date(at).toISOString();

/** Records what was left out: the user of the series sees it there. */
export async function tellConflicts(
  deps: ReservationsDeps,
  tx: Tx,
  series: { id: string; timeZone: string },
  conflicts: Conflict[],
): Promise<void> {
  for (const { at, reason, nearest } of conflicts)
    await record(deps, tx, "series.conflict", series.id, {
      starts_at: isoOf(at),
      local_time: localTime(at, series.timeZone),
      reason,
      nearest: nearest.map(isoOf),
    });
}
