import { and, eq } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import type { Place } from "../../planning/place.ts";
import { inSlices } from "../../planning/slices.ts";
import type { ReservationsDeps } from "../deps.ts";
import type { Allocated } from "../steps/allocate.ts";
import { TooFew } from "../steps/take.ts";
import { commitmentsOf, pinned, placeOf } from "./bookings.ts";
import { giveUp, giveUpOverdue } from "./give_up.ts";
import { withPlan } from "./lock.ts";
import { isDue, isNew, type Looked, lockAndLook, type Planned } from "./places.ts";
import { start } from "./start.ts";
import { type Entry, readWorld, type World } from "./world.ts";
import { writePlaces } from "./write.ts";

export interface Replanned {
  /** claimed now: their accounts must be made */
  started: Allocated[];
  /** something changed while it was planned */
  again: boolean;
}

/** How long after a booking's start one of its machines may still become clean. */
const GRACE_MS = 30_000;

/** How long after its start one may wait for machines that are being cleaned before it is told. */
const LATE_MS = 10_000;

/** One whose start is over keeps its machines if they are only being cleaned; but its user is told that it starts later. */
function startOf({ now, byId }: World, { told }: Entry, place: Place | null): Place | null {
  if (!place || place.startsAt !== told?.startsAt || now - place.startsAt < LATE_MS) return place;
  const areFree = place.machines.every((id) => byId.get(id)?.isFree);
  return areFree ? place : { ...place, startsAt: now };
}

/** The place of everything that has not started, bookings first. */
export async function planWorld(world: World): Promise<Planned[]> {
  const bookings = pinned(world);
  const repairs = bookings.flatMap(({ repair }) => (repair ? [repair] : []));
  const promised = commitmentsOf(world, bookings);
  const places = await inSlices(world.now, world.machines, promised, [...repairs, ...world.queue]);
  return [
    ...bookings.map((one) => {
      const repaired = places.get(one.booking.id);
      const isShort = one.repair !== undefined && (repaired?.machines.length ?? 0) < one.repair.count;
      return { entry: one.booking, place: placeOf(one, repaired), isShort };
    }),
    ...world.queue.map((entry) => {
      const place = startOf(world, entry, places.get(entry.id) ?? null);
      return { entry, place, isShort: false };
    }),
  ];
}

/** How often a plan is made again because a claim took a machine of it. */
const MOST_TRIES = 3;

/**
 * Plans, and locks the machines of what is new or due. All of it must be true, or none: one reservation may have been given
 * what another was to leave. The rows that it locked stay locked, so the next try is about others.
 * @returns undefined: claims were quicker, again and again
 */
async function planLocked(tx: Tx): Promise<{ world: World; looked: Looked[] } | undefined> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const world = await readWorld(tx, true);
    if (world.queue.length + world.bookings.length === 0) return { world, looked: [] };
    const moved = (await planWorld(world)).filter((one) => isNew(one) || isDue(one, world.now));
    const looked = await lockAndLook(tx, world, moved);
    if (looked.length === moved.length) return { world, looked };
  }
  return undefined;
}

/** Whether a booking's end has come before its start: no scheduler ran. */
const isOver = ({ fixed, floor, duration }: Entry, at: number) => fixed === true && floor + duration <= at;

/** Starts a booking that lacks machines with what there is, if it may; or fails it. */
async function startLate(
  deps: ReservationsDeps,
  tx: Tx,
  { entry, free }: Looked,
  at: number,
): Promise<Allocated | undefined> {
  const { minCount } = entry.row;
  if (!entry.fixed || at < entry.floor) return undefined;
  if (isOver(entry, at)) {
    await giveUp(deps, tx, entry.id, "its time was over before it could start");
    return undefined;
  }
  if (minCount !== null && free.length >= minCount) return start(deps, tx, entry, free, at);
  if (at >= entry.floor + GRACE_MS)
    await giveUp(deps, tx, entry.id, `only ${free.length} of ${entry.count} machines were free at its start`);
  return undefined;
}

/**
 * Plans the queue and the bookings, tells what changed, and claims the machines of those whose time has come; in one
 * process at a time.
 * @returns what must be prepared now
 * @throws PoolError no_uid_free: then nothing was changed
 */
export async function replan(deps: ReservationsDeps): Promise<Replanned> {
  let last: Replanned | undefined;
  const work = async (tx: Tx): Promise<Replanned> => {
    last = undefined;
    await giveUpOverdue(deps, tx);
    const plan = await planLocked(tx);
    if (!plan) return { started: [], again: true };
    const { world, looked } = plan;
    const { now } = world;
    await writePlaces(deps, tx, world, looked.filter(isNew));
    const started: Allocated[] = [];
    for (const one of looked.filter((each) => isDue(each, now))) {
      const ids = one.place?.machines ?? [];
      const isReady = one.free.length === one.entry.count && !isOver(one.entry, now);
      const begun = await (isReady ? start(deps, tx, one.entry, ids, now) : startLate(deps, tx, one, now));
      if (begun) started.push(begun);
    }
    last = { started, again: false };
    return last;
  };
  // After a COMMIT whose answer was lost: it took effect if what it claimed is claimed.
  const readBack = async () => {
    const [first] = last?.started ?? [];
    if (!first) return undefined;
    const ours = and(eq(machines.reservationId, first.id), eq(machines.leaseWorker, deps.worker));
    return (await deps.db.$count(machines, ours)) > 0 ? last : undefined;
  };
  try {
    return await withPlan(deps, work, readBack);
  } catch (error) {
    // A claim came in between its look and its own claim.
    if (error instanceof TooFew) return { started: [], again: true };
    throw error;
  }
}
