import { and, eq, type SQL } from "drizzle-orm";
import { matched, type Tx, transact } from "../../db/client.ts";
import { commitments } from "../../db/schema/calendar.ts";
import { machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { clean, machinesHeldBy, takeForCleaning, takeOverAndClean } from "../lifecycle/clean.ts";
import {
  AHEAD,
  LIVE,
  MACHINE,
  machineMay,
  reservationIn,
  reservationMay,
  reservationMoves,
  UNCLEANED,
} from "../lifecycle/states.ts";
import type { Machine } from "../lifecycle/target.ts";
import type { ReservationsDeps } from "./deps.ts";
import { ofUser } from "./view.ts";

/** What has become of the machines of a release. */
export interface Cleaned {
  /** names of the machines whose account has been proved to be gone */
  clean: string[];
  /** names of those that are not clean yet: the scheduler retries them, or a worker is on them now */
  pending: string[];
  /** the pending ones that a worker is on now: for another request, or still preparing them */
  inProgress: string[];
}

export interface Released extends Cleaned {
  id: string;
  username: string;
}

/** Ends a reservation and takes its machines for cleaning, in a transaction; [] when another request did. */
export async function endNow(
  deps: ReservationsDeps,
  tx: Tx,
  id: string,
  reason?: string,
): Promise<Machine[]> {
  const mine = matched(
    await tx
      .update(reservations)
      // One that is over before its accounts exist has no use for its credential; nor for an extension that is under way.
      .set({ ...reservationMoves("end"), credential: null, extendTo: null, extendLease: null })
      .where(and(eq(reservations.id, id), reservationMay("end"))),
  );
  if (mine === 0) return [];
  await tx.delete(commitments).where(eq(commitments.reservationId, id));
  await record(deps, tx, "reservation.ended", id, reason === undefined ? {} : { reason });
  // One that is still being prepared is left to its worker, whose confirmation now fails; one that was released before is
  // being cleaned.
  const its = and(eq(machines.reservationId, id), machineMay("release"));
  const ready = await tx.select({ id: machines.id }).from(machines).where(its).for("update");
  const ids = ready.map((machine) => machine.id);
  return takeForCleaning(deps, tx, id, ["release"], ids);
}

/** Ends an active reservation in the database and takes its machines for cleaning; [] when another request did. */
export function beginRelease(deps: ReservationsDeps, id: string): Promise<Machine[]> {
  return transact(
    deps.db,
    (tx) => endNow(deps, tx, id),
    () => readTaken(deps, id),
  );
}

/** After a COMMIT whose answer was lost: the machines that it took for us. No other worker cleans them until our lease runs out. */
export async function readTaken(deps: ReservationsDeps, id: string): Promise<Machine[] | undefined> {
  const its = and(eq(machines.reservationId, id), eq(machines.state, MACHINE.cleaning));
  const taken = await deps.db
    .select()
    .from(machines)
    .where(and(its, eq(machines.leaseWorker, deps.worker)));
  return taken.length > 0 ? taken : undefined;
}

/**
 * Releases one reservation. Calling it again retries what could not be cleaned.
 * @param userId finds only this user's
 * @throws PoolError reservation_not_found
 */
export async function release(deps: ReservationsDeps, id: string, userId?: string): Promise<Released> {
  const [row] = await deps.db
    .select()
    .from(reservations)
    .where(and(eq(reservations.id, id), ofUser(userId)));
  if (!row || row.endedAt)
    throw new PoolError("reservation_not_found", `There is no active reservation '${id}'`);
  const before = await machinesHeldBy(deps, id);
  const begun = await beginRelease(deps, id);
  // What was only promised to it is free at once.
  if (AHEAD.includes(row.state)) deps.changes.dispatchEvent(new Event("change"));
  return { id, username: row.username, ...(await finishRelease(deps, id, begun, before)) };
}

/**
 * Cleans the machines of a release, and those that an earlier one could not clean.
 * @param begun those that it took for cleaning
 * @param asked those that it was to release
 * @param only of the asked ones; undefined: all that the reservation still holds
 */
export async function finishRelease(
  deps: ReservationsDeps,
  id: string,
  begun: Machine[],
  asked: { name: string }[],
  only?: (machine: Machine) => boolean,
): Promise<Cleaned> {
  const stillHeld = async () => (await machinesHeldBy(deps, id)).filter(only ?? (() => true));
  const started = new Set(begun.map((machine) => machine.id));
  const stuck = (await stillHeld()).filter(
    (machine) => !started.has(machine.id) && UNCLEANED.includes(machine.state),
  );
  await Promise.all([
    ...begun.map((machine) => clean(deps, machine)),
    ...stuck.map((machine) => takeOverAndClean(deps, machine)),
  ]);
  const held = await stillHeld();
  const pending = held.map(({ name }) => name);
  // One that failed is quarantined, and stays there while it is retried.
  const working = held.filter(
    ({ state, leaseWorker }) => state !== MACHINE.quarantined && leaseWorker !== null,
  );
  return {
    clean: asked.map((machine) => machine.name).filter((name) => !pending.includes(name)),
    pending,
    inProgress: working.map(({ name }) => name),
  };
}

/**
 * Releases the reservations that match a condition.
 * @returns the names of the machines that are clean, and of those that are not yet
 */
export async function releaseWhere(
  deps: ReservationsDeps,
  which: SQL | undefined,
): Promise<{ clean: string[]; pending: string[] }> {
  const found = await deps.db.select({ id: reservations.id }).from(reservations).where(which);
  const all = await Promise.allSettled(found.map(({ id }) => release(deps, id)));
  const done: Released[] = [];
  for (const result of all) {
    if (result.status === "fulfilled") done.push(result.value);
    // It may have ended in the meantime, which is no failure.
    else if (!(result.reason instanceof PoolError)) throw result.reason;
  }
  return { clean: done.flatMap((one) => one.clean), pending: done.flatMap((one) => one.pending) };
}

/** Releases every reservation. @returns as `releaseWhere` */
export const releaseAll = (deps: ReservationsDeps) => releaseWhere(deps, reservationIn(LIVE));
