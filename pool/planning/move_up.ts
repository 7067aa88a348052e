// When a machine is free sooner than it was planned, those who wait move up. In the queue's order, each gets the earliest
// place beside those before it: so whoever came first gains first. If that would make the start of a later one later than it
// was told, that one keeps its place, and the plan is made again around it.
import { keepable, leave, type Place, placeFrom, type Spans, spansOf, take, type Waiting } from "./place.ts";
import type { Profile } from "./profile.ts";

/** How often a plan is made again before everybody's place is kept, and each moves up only beside all others. */
const MOST_TRIES = 6;

interface Kept {
  waiting: Waiting;
  told: Place;
}
interface Plan {
  profile: Profile;
  places: Map<string, Place | null>;
}

/** The earliest place for one that was told a start: no later, and certain if that is possible. */
function sooner(profile: Profile, now: number, { waiting, told }: Kept): Place | undefined {
  const { count, duration, lead = 0, matches } = waiting;
  const due = Math.max(now, told.startsAt);
  const need = { count, duration, lead, floor: Math.max(now, waiting.floor), before: due + 1, matches };
  const certain = placeFrom(profile, need, false);
  const found = certain ?? (told.uncertain ? placeFrom(profile, need, true) : undefined);
  const isSame = found?.startsAt === due && found.uncertain === told.uncertain;
  // Not to other machines without a gain; and one that is overdue keeps the start that it was told.
  if (isSame && keepable(profile, now, waiting)) return told;
  return found && { ...found, startsAt: Math.min(found.startsAt, told.startsAt) };
}

/** The plan of those who were told a start; or the first whose start would be later. */
function* together(
  now: number,
  empty: () => Profile,
  all: readonly Kept[],
  pinned: ReadonlySet<Kept>,
): Generator<void, Plan | Kept> {
  const profile = empty();
  const places = new Map<string, Place | null>();
  for (const { waiting, told } of pinned) take(profile, spansOf(profile, now, waiting, told));
  for (const one of all) {
    const place = pinned.has(one) ? one.told : sooner(profile, now, one);
    if (!place) return one;
    if (!pinned.has(one)) take(profile, spansOf(profile, now, one.waiting, place));
    places.set(one.waiting.id, place);
    yield;
  }
  return { profile, places };
}

/** Each moves up while all others keep their places: no start is later. */
function* oneByOne(now: number, empty: () => Profile, all: readonly Kept[]): Generator<void, Plan> {
  const profile = empty();
  const spans = new Map<Kept, Spans>();
  const enter = (one: Kept, place: Place) => {
    const its = spansOf(profile, now, one.waiting, place) ?? [];
    spans.set(one, its);
    take(profile, its);
  };
  for (const one of all) enter(one, one.told);
  const places = new Map<string, Place | null>();
  for (const one of all) {
    leave(profile, spans.get(one) ?? []);
    const place = sooner(profile, now, one) ?? one.told;
    enter(one, place);
    places.set(one.waiting.id, place);
    yield;
  }
  return { profile, places };
}

/**
 * Plans those who were told a start that can still be kept.
 * @param empty a profile of what isn't in the queue
 * @returns their places, none of which starts later than it was told, and the profile with them
 */
export function* moveUp(now: number, empty: () => Profile, queue: readonly Waiting[]): Generator<void, Plan> {
  const profile = empty();
  const all: Kept[] = [];
  for (const waiting of queue) {
    const spans = keepable(profile, now, waiting);
    if (!spans || !waiting.told) continue;
    take(profile, spans);
    all.push({ waiting, told: waiting.told });
  }
  const pinned = new Set<Kept>();
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const plan = yield* together(now, empty, all, pinned);
    if ("profile" in plan) return plan;
    pinned.add(plan);
  }
  return yield* oneByOne(now, empty, all);
}
