// Conservative backfilling (Mu'alem and Feitelson, 2001): in the queue's order, each request gets the earliest start at
// which enough matching machines are free for its whole duration, and keeps that place; a later one may start sooner in a
// gap, never by delaying an earlier one. What was told is a promise: when a machine is free sooner than planned, everybody
// is placed again, from the beginning, but a plan that would make any start later is not taken (pool/planning/move_up.ts).
import { moveUp } from "./move_up.ts";
import { type Commitment, type Place, placeFrom, spansOf, take, type Waiting } from "./place.ts";
import { FOREVER, type PlanMachine, Profile } from "./profile.ts";
import { type Need, startAt, windowsOf } from "./windows.ts";

function profileOf(machines: readonly PlanMachine[], commitments: readonly Commitment[]): Profile {
  const profile = new Profile(machines);
  for (const { machine, from, until } of commitments) {
    const index = profile.indexOf(machine);
    if (index !== undefined) profile.add(index, { from, until });
  }
  return profile;
}

/** What there is at the need's floor; nothing uncertain. */
function part(profile: Profile, need: Need): Place | undefined {
  const { machines } = startAt(windowsOf(profile, need, false), need.floor, need.count);
  const ids = machines.map((index) => (profile.machines[index] as PlanMachine).id);
  return ids.length === 0 ? undefined : { startsAt: need.floor, machines: ids, uncertain: false };
}

/** The earliest place beside what is in the profile; on uncertain machines only if there is no other. */
function find(profile: Profile, now: number, waiting: Waiting): Place | undefined {
  const { count, duration, fixed, partial, lead = 0, matches } = waiting;
  const floor = Math.max(now, waiting.floor);
  const before = fixed ? floor + 1 : FOREVER;
  const need: Need = { count, duration, lead, floor, before, matches };
  const whole = placeFrom(profile, need, false) ?? placeFrom(profile, need, true);
  return whole ?? (partial ? part(profile, need) : undefined);
}

/**
 * The same as `plan`, a step for each request: a caller may do other things in between.
 * @returns (at the end) as `plan`
 */
export function* planInSteps(
  now: number,
  machines: readonly PlanMachine[],
  commitments: readonly Commitment[],
  queue: readonly Waiting[],
): Generator<void, Map<string, Place | null>> {
  const { profile, places } = yield* moveUp(now, () => profileOf(machines, commitments), queue);
  for (const waiting of queue) {
    if (places.has(waiting.id)) continue;
    const place = find(profile, now, waiting);
    if (place) take(profile, spansOf(profile, now, waiting, place));
    places.set(waiting.id, place ?? null);
    yield;
  }
  return places;
}

/**
 * Plans the queue: pure, without I/O or a clock of its own.
 * @param now ms since 1970, as all times here
 * @param machines all that may be offered, with the time from which each is free of its holder
 * @param commitments what is booked beside the queue
 * @param queue in its order
 * @returns each request's place; null when the pool can't serve it even when it is empty, or not at its fixed start
 */
export function plan(
  now: number,
  machines: readonly PlanMachine[],
  commitments: readonly Commitment[],
  queue: readonly Waiting[],
): Map<string, Place | null> {
  const steps = planInSteps(now, machines, commitments, queue);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * What a plan leaves: the profile with all places in it.
 * @param places what `plan` returned for the same
 */
export function filled(
  now: number,
  machines: readonly PlanMachine[],
  commitments: readonly Commitment[],
  queue: readonly Waiting[],
  places: ReadonlyMap<string, Place | null>,
): Profile {
  const profile = profileOf(machines, commitments);
  for (const waiting of queue) {
    const place = places.get(waiting.id);
    if (place) take(profile, spansOf(profile, now, waiting, place));
  }
  return profile;
}
