import { eq } from "drizzle-orm";
import type { Tx } from "../../../db/client.ts";
import { RESERVATION_KIND, reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { invalid, PoolError } from "../../errors.ts";
import { reservationMoves } from "../../lifecycle/states.ts";
import type { Place } from "../../planning/place.ts";
import type { ReservationsDeps } from "../deps.ts";
import { enforceLimits } from "../limits/enforce.ts";
import type { Admitted } from "../steps/admit.ts";
import { madeId, unlessRepeated } from "../steps/repeat.ts";
import { requestColumns } from "../steps/request.ts";
import { type Candidate, candidateOf, nextAfter, placesWith } from "./foresee.ts";
import { withPlan } from "./lock.ts";
import { missingOf, neverEnough } from "./never_enough.ts";
import { lockAndLook, type Planned } from "./places.ts";
import { MINUTE, readClock, readWorld, type World } from "./world.ts";
import { writePlaces } from "./write.ts";

const DAY = 24 * 60 * MINUTE;
/** How far back a start may be: clocks differ. */
const LATE_MS = MINUTE;
/** A claim may take a machine that was just planned. */
const MOST_TRIES = 5;

/** @throws PoolError invalid_request for a start that is over, or too far ahead */
export function checkStart({ bookAheadDays }: ReservationsDeps, startsAt: Date, now: number): void {
  const ahead = startsAt.getTime() - now;
  if (ahead < -LATE_MS) throw invalid("starts_at", "is over");
  if (ahead > bookAheadDays * DAY) throw invalid("starts_at", `at most ${bookAheadDays} days ahead`);
}

/** Why a time can't be booked, and the next one that can. */
export async function conflict(deps: ReservationsDeps, admitted: Admitted): Promise<PoolError> {
  const { count, wanted } = admitted;
  const world = await readWorld(deps.db);
  const matching = world.machines.filter(candidateOf("", admitted, world.now).matches).length;
  if (matching < count)
    return neverEnough(
      `The pool has no more than ${matching} machines that match`,
      count,
      matching,
      missingOf(wanted, world.machines),
    );
  const next = await nextAfter(world, admitted);
  const at = next === undefined ? undefined : new Date(next).toISOString();
  return new PoolError(
    "not_enough_machines",
    `There are not enough machines at that time${at ? `; the next time that has them is ${at}` : ""}`,
    [{ field: "starts_at", message: `${count} requested`, ...(at ? { next_at: at } : {}) }],
  );
}

/** A claim was quicker. */
class Taken extends Error {}

/** Writes the row of a booking that the plan has a place for. @param series the one that it is an occurrence of */
export async function writeBooking(
  deps: ReservationsDeps,
  tx: Tx,
  candidate: Candidate,
  admitted: Admitted,
  place: Place,
  series?: string,
): Promise<Planned> {
  const { id } = candidate;
  const { username, count, durationMinutes, credential } = admitted;
  const startsAt = admitted.startsAt as Date;
  await tx.insert(reservations).values({
    ...(await requestColumns(deps, tx, id, admitted)),
    ...reservationMoves("book"),
    kind: RESERVATION_KIND.booking,
    startsAt,
    endsAt: new Date(startsAt.getTime() + durationMinutes * MINUTE),
    startTold: false,
    passwordMade: credential === null,
    ...(series === undefined ? {} : { seriesId: series, occurrenceAt: startsAt }),
  });
  const [row] = await tx.select().from(reservations).where(eq(reservations.id, id));
  await record(deps, tx, "reservation.booked", id, {
    username,
    count,
    minutes: durationMinutes,
    starts_at: startsAt.toISOString(),
    ...(series === undefined ? {} : { series }),
  });
  const entry = { ...candidate, row: row as typeof reservations.$inferSelect };
  return { entry, place: { ...place, startsAt: startsAt.getTime() }, isShort: false };
}

/** Pins bookings to their machines, if these are still free for them. @throws Taken */
export async function pin(deps: ReservationsDeps, tx: Tx, world: World, planned: Planned[]): Promise<void> {
  const looked = await lockAndLook(tx, world, planned);
  if (looked.length < planned.length) throw new Taken("a claim was quicker");
  await writePlaces(deps, tx, world, looked);
}

/** Tries again what a claim came before. @throws PoolError reservation_lost when claims were quicker again and again */
export async function untilPinned<T>(once: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof Taken)) throw error;
      if (tries >= MOST_TRIES)
        throw new PoolError("reservation_lost", "Others took the machines again and again; try again");
    }
}

/** @returns undefined: there are not enough @throws Taken */
async function tryOnce(deps: ReservationsDeps, tx: Tx, id: string, admitted: Admitted) {
  checkStart(deps, admitted.startsAt as Date, await readClock(tx));
  await enforceLimits(deps, tx, admitted, "booking");
  const world = await readWorld(tx, true);
  const me = candidateOf(id, admitted, world.now);
  const place = (await placesWith(world, [me], admitted.priority)).get(id);
  if (!place) return undefined;
  const planned = await writeBooking(deps, tx, me, admitted, place);
  await pin(deps, tx, world, [planned]);
  return id;
}

/**
 * Books machines for a time that was chosen.
 * @returns its id; undefined when another request with the same Idempotency-Key was first
 * @throws PoolError not_enough_machines, never_enough, limit_reached, invalid_request
 */
export async function book(deps: ReservationsDeps, admitted: Admitted): Promise<string | undefined> {
  const id = crypto.randomUUID();
  const readBack = () => madeId(deps, id);
  const once = () => withPlan(deps, (tx) => tryOnce(deps, tx, id, admitted), readBack);
  return unlessRepeated(async () => {
    const booked = await untilPinned(once);
    if (booked === undefined) throw await conflict(deps, admitted);
    return booked;
  });
}
