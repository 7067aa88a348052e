import { type Commitment, endOf, type Place } from "../../planning/place.ts";
import { filled } from "../../planning/plan.ts";
import { FOREVER, type Profile } from "../../planning/profile.ts";
import { inSlices } from "../../planning/slices.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Admitted } from "../steps/admit.ts";
import { wants } from "../steps/wanted.ts";
import { commitmentsOf, pinned } from "./bookings.ts";
import { missingOf } from "./never_enough.ts";
import { bookedAt, durationOf, type Entry, LEAD, readWorld, type World } from "./world.ts";

/** What would become of a request, by a plan that nobody is told. */
export interface Foreseen {
  /** ms since 1970, by the database's clock */
  now: number;
  /** how many machines of the pool it could have */
  matching: number;
  /** how many of them are free now, and not promised to others within its time */
  freeNow: number;
  /** null: there will never be enough, or not at the time that it asks for */
  place: Place | null;
  /** the names of the place's machines */
  names: string[];
  /** see `missingOf` */
  missing: string[];
}

export type Candidate = Omit<Entry, "row">;

/** A request as a plan sees it. */
export function candidateOf(id: string, admitted: Admitted, now: number): Candidate {
  const { count, durationMinutes, startsAt, wanted } = admitted;
  const when = startsAt ? bookedAt(startsAt.getTime(), now) : { floor: now };
  const its = durationOf(durationMinutes, startsAt !== null);
  return { id, count, ...when, ...its, matches: wants(wanted), told: null };
}

/** The places that those in the queue were told. */
function toldPlaces({ now, byId, queue }: World): Commitment[] {
  return queue.flatMap((one) => {
    const startsAt = one.told?.startsAt ?? now;
    return (one.told?.machines ?? []).map((machine) => ({
      machine,
      from: Math.max(now, startsAt),
      until: endOf(now, one, startsAt) + (byId.get(machine)?.turnaround ?? 0),
    }));
  });
}

/**
 * All who are planned, if requests joined the queue behind those of their priority. Bookings are placed beside the starts that
 * the others were told, not beside better ones that this plan would find for them: they alone are written.
 */
function joined(world: World, candidates: readonly Candidate[], priority: number) {
  const { queue } = world;
  const bookings = pinned(world);
  const repairs = bookings.flatMap(({ repair }) => (repair ? [repair] : []));
  const commitments = commitmentsOf(world, bookings);
  if (candidates.some(({ fixed }) => fixed))
    return { commitments: [...commitments, ...toldPlaces(world)], all: [...repairs, ...candidates] };
  const behind = queue.findIndex(({ row }) => row.priority < priority);
  const at = behind < 0 ? queue.length : behind;
  return { commitments, all: [...repairs, ...queue.slice(0, at), ...candidates, ...queue.slice(at)] };
}

/** Everybody's places, if requests joined the queue behind those of their priority. */
export async function placesWith(world: World, candidates: readonly Candidate[], priority: number) {
  const { commitments, all } = joined(world, candidates, priority);
  return inSlices(world.now, world.machines, commitments, all);
}

/** What `placesWith` leaves to others. */
export function leftBeside(
  world: World,
  candidates: readonly Candidate[],
  priority: number,
  places: ReadonlyMap<string, Place | null>,
): Profile {
  const { commitments, all } = joined(world, candidates, priority);
  return filled(world.now, world.machines, commitments, all, places);
}

/** Plans a request as if it came now; changes nothing. */
export async function foresee(deps: ReservationsDeps, admitted: Admitted): Promise<Foreseen> {
  const world = await deps.looking(() => readWorld(deps.db));
  const { now, machines, byId } = world;
  const id = "";
  const me = candidateOf(id, admitted, now);
  const { commitments, all } = joined(world, [me], admitted.priority);
  const places = await inSlices(now, machines, commitments, all);
  const matching = machines.filter(me.matches);
  const place = places.get(id) ?? null;
  /** from when each machine is promised to somebody else */
  const promised = new Map<string, number>();
  const promise = (machine: string, from: number) =>
    promised.set(machine, Math.min(from, promised.get(machine) ?? FOREVER));
  for (const { machine, from } of commitments) promise(machine, from);
  for (const [other, its] of places)
    if (other !== id) for (const machine of its?.machines ?? []) promise(machine, its?.startsAt ?? now);
  const free = matching.filter(
    ({ isFree, id: machine, turnaround }) =>
      isFree && (promised.get(machine) ?? FOREVER) >= now + me.duration + turnaround,
  );
  return {
    now,
    matching: matching.length,
    freeNow: free.length,
    place,
    names: (place?.machines ?? []).map((machine) => byId.get(machine)?.name ?? machine).sort(),
    missing: missingOf(admitted.wanted, machines),
  };
}

/** When a request that can't be booked for its time could be, from then on, in ms; undefined: never. */
export async function nextAfter(world: World, admitted: Admitted): Promise<number | undefined> {
  // A later start has a whole lead before it, although the one that was asked for may have had less.
  const me = { ...candidateOf("", admitted, world.now), lead: LEAD, fixed: false };
  const places = await placesWith(world, [me], admitted.priority);
  return places.get("")?.startsAt;
}
