import { transact } from "../../../db/client.ts";
import { isFaultKind, MachineFault } from "../../accounts/faults.ts";
import { isUnavailable } from "../../database.ts";
import { inWords, PoolError } from "../../errors.ts";
import { lockReservation } from "../../lifecycle/settle.ts";
import { OVER, RESERVATION } from "../../lifecycle/states.ts";
import type { ReservationsDeps } from "../deps.ts";
import { book } from "../schedule/book.ts";
import { enqueue } from "../schedule/enqueue.ts";
import { type Foreseen, foresee } from "../schedule/foresee.ts";
import { giveUp } from "../schedule/give_up.ts";
import { neverEnough } from "../schedule/never_enough.ts";
import { planNow, planSoon } from "../schedule/planner.ts";
import { MINUTE } from "../schedule/world.ts";
import type { Admitted } from "../steps/admit.ts";
import { explain, outcomeUnknown } from "../steps/explain.ts";
import { findRepeat, type Granted } from "../steps/repeat.ts";
import { collect } from "./collect.ts";
import { watch } from "./watch.ts";

/** How long a request waits for accounts that are being made; and for a machine that may be clean at any moment. */
const PREPARING_MS = 90_000;
const ANY_MOMENT_MS = 3000;

/** Refuses a request that can't start within the time that it may wait. */
function enforceWait({ count, waitMinutes }: Admitted, seen: Foreseen): void {
  const { now, matching, freeNow, place, missing } = seen;
  if (!place)
    throw neverEnough(
      `Only ${freeNow} machines available, and the pool has no more than ${matching} that match`,
      count,
      matching,
      missing,
    );
  if (place.startsAt <= now + waitMinutes * MINUTE) return;
  const at = new Date(place.startsAt).toISOString();
  throw new PoolError("not_enough_machines", `Only ${freeNow} machines available; it could start at ${at}`, [
    { field: "count", message: `${count} requested, ${freeNow} available`, next_at: at },
  ]);
}

/**
 * Puts a request into the queue and plans it.
 * @param asked when it came, by `performance.now`
 * @returns it, active if its turn came at once, else queued with its planned start
 * @throws PoolError not_enough_machines, never_enough, limit_reached
 */
export async function queueUp(deps: ReservationsDeps, admitted: Admitted, asked: number): Promise<Granted> {
  for (;;) {
    const before = await findRepeat(deps, admitted);
    if (before) return before;
    enforceWait(admitted, await foresee(deps, admitted));
    const id = await enqueue(deps, admitted);
    if (id === undefined) continue;
    return planAndSettle(deps, admitted, id, asked);
  }
}

/**
 * Books a request for the time that it asks for.
 * @returns it, booked; active if that time is now
 * @throws PoolError not_enough_machines, never_enough, limit_reached, invalid_request
 */
export async function bookAhead(deps: ReservationsDeps, admitted: Admitted): Promise<Granted> {
  for (;;) {
    const before = await findRepeat(deps, admitted);
    if (before) return before;
    const id = await book(deps, admitted);
    if (id === undefined) continue;
    return planAndSettle(deps, admitted, id, performance.now());
  }
}

/**
 * Plans a request that is in the database. It stays there whatever happens now, so no answer may say that it was refused.
 * @throws PoolError outcome_unknown when the database went away
 */
async function planAndSettle(
  deps: ReservationsDeps,
  admitted: Admitted,
  id: string,
  asked: number,
): Promise<Granted> {
  try {
    // What keeps others from starting is not this request's failure; the scheduler plans again.
    await planNow(deps).catch((error) => {
      if (isUnavailable(error)) throw error;
      deps.log("warn", "the queue could not be planned", { reason: inWords(error) });
    });
    return await settle(deps, admitted, id, asked);
  } catch (error) {
    throw isUnavailable(error) ? outcomeUnknown(admitted) : error;
  }
}

/** What has become of a request by the plan. */
async function settle(
  deps: ReservationsDeps,
  admitted: Admitted,
  id: string,
  asked: number,
): Promise<Granted> {
  const isLeft = (state: string | undefined) => state !== RESERVATION.queued;
  if (admitted.waitMinutes === 0 && !admitted.startsAt) {
    await watch(deps, id, isLeft, Math.max(0, asked + ANY_MOMENT_MS - performance.now()));
    // Somebody was quicker since it was foreseen.
    if (await withdraw(deps, id)) enforceWait(admitted, await foresee(deps, admitted));
  }
  // So were others who wait: nobody is told a start that they can't wait for.
  else if (await withdraw(deps, id, true)) enforceWait(admitted, await foresee(deps, admitted));
  await watch(deps, id, (state) => state !== RESERVATION.preparing, PREPARING_MS);
  return outcome(admitted, await collect(deps, id, admitted.principal));
}

/**
 * A request that has been granted, or still waits.
 * @throws PoolError not_enough_machines, reservation_lost, … when it can't start any more
 */
export function outcome(admitted: Admitted, granted: Granted): Granted {
  if (granted.state === RESERVATION.failed) throw failure(admitted, granted);
  if (OVER.includes(granted.state))
    throw new PoolError("reservation_lost", "The reservation was released before it began");
  return granted;
}

/** @param onlyLate only if its start is planned for after the time that it may wait @returns whether it was still in the queue */
async function withdraw(deps: ReservationsDeps, id: string, onlyLate = false): Promise<boolean> {
  const withdrawn = await transact(deps.db, async (tx) => {
    const row = await lockReservation(tx, id);
    if (onlyLate && !(row?.startsAt && row.waitUntil && row.startsAt > row.waitUntil)) return false;
    return giveUp(deps, tx, id, "not enough machines were free");
  });
  // Those behind it move up.
  if (withdrawn) planSoon(deps);
  return withdrawn;
}

/** Why its preparation failed, as the same failure is told of a reservation that didn't wait. */
function failure(admitted: Admitted, { fault, reason }: Granted): unknown {
  if (fault !== null && isFaultKind(fault)) return explain(admitted, new MachineFault(fault, reason ?? ""));
  return new PoolError("not_enough_machines", reason ?? "It could not be prepared");
}
