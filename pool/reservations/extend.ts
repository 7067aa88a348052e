import { and, eq, isNull, lte, or, sql } from "drizzle-orm";
import { inSeconds, matched, now, type Tx, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { FAULT_WORDS } from "../accounts/fault_words.ts";
import { MachineFault } from "../accounts/faults.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { HELD, MACHINE, machineIn, RESERVATION } from "../lifecycle/states.ts";
import { type Machine, targetOf } from "../lifecycle/target.ts";
import type { ReservationsDeps } from "./deps.ts";
import { type ExtendInput, judge, newEnd, type Verdict } from "./limits/new_end.ts";
import { withPlan } from "./schedule/lock.ts";
import { readClock } from "./schedule/world.ts";
import { ofUser, type ReservationView, viewReservation } from "./view.ts";

type Reservation = typeof reservations.$inferSelect;

interface Intent {
  row: Reservation;
  machines: Machine[];
  from: Date;
  to: Date;
}

/** How long the accounts' own end lies after the reservation's: the same as when they are made. */
const MARGIN_SECONDS = 120;

const over = () => new PoolError("cannot_extend", "Only an active reservation can be extended");

/** @throws PoolError reservation_not_found, or cannot_extend unless it is active */
async function lockActive(tx: Tx, id: string, userId?: string): Promise<Reservation> {
  const [row] = await tx
    .select()
    .from(reservations)
    .where(and(eq(reservations.id, id), ofUser(userId)))
    .for("update");
  if (!row) throw new PoolError("reservation_not_found", `There is no reservation '${id}'`);
  if (row.state !== RESERVATION.active) throw over();
  return row;
}

/**
 * Says which end it would be given, and the longest, and changes nothing.
 * @throws PoolError reservation_not_found, cannot_extend unless it is active, limit_reached, invalid_request
 */
export const foreseeEnd = (
  deps: ReservationsDeps,
  id: string,
  input: ExtendInput,
  userId?: string,
): Promise<Verdict> =>
  transact(deps.db, async (tx) => judge(deps, tx, await lockActive(tx, id, userId), input));

/**
 * Commits the intent: until it is carried out or undone, the calendar takes the later of both ends.
 * @throws PoolError reservation_not_found, cannot_extend, limit_reached
 */
function begin(deps: ReservationsDeps, id: string, input: ExtendInput, userId?: string): Promise<Intent> {
  let last: Intent | undefined;
  const work = async (tx: Tx) => {
    last = undefined;
    const row = await lockActive(tx, id, userId);
    const its = and(eq(machines.reservationId, id), machineIn(HELD));
    // In the same order as everybody who locks several.
    const held = await tx.select().from(machines).where(its).orderBy(machines.id).for("update");
    // Its account is being made with the end that was known before.
    if (held.some(({ state }) => state !== MACHINE.reserved))
      throw new PoolError("cannot_extend", "A machine that broke is being replaced right now; try again");
    const to = await newEnd(deps, tx, row, input);
    const taken = matched(
      await tx
        .update(reservations)
        .set({ extendTo: to, extendLease: inSeconds(deps.leaseSeconds) })
        .where(
          and(
            eq(reservations.id, id),
            or(isNull(reservations.extendLease), lte(reservations.extendLease, now)),
          ),
        ),
    );
    if (taken === 0)
      throw new PoolError("cannot_extend", "Another request is extending it right now; try again");
    last = { row, machines: held, from: row.endsAt, to };
    return last;
  };
  // After a COMMIT whose answer was lost: the end is being moved to where we meant, so that was us.
  const readBack = async () => {
    const ours = last && and(eq(reservations.id, id), eq(reservations.extendTo, last.to));
    return ours && (await deps.db.$count(reservations, ours)) > 0 ? last : undefined;
  };
  return withPlan(deps, work, readBack);
}

/** Writes an end on machines. @returns what failed */
async function rewrite(
  deps: ReservationsDeps,
  { row, machines: held }: Intent,
  end: Date,
): Promise<unknown[]> {
  const seconds = Math.ceil((end.getTime() - (await readClock(deps.db))) / 1000) + MARGIN_SECONDS;
  const account = { username: row.username, uid: row.uid ?? 0, mark: row.id };
  const all = await Promise.allSettled(
    held.map(async (machine) =>
      deps.accounts.extend(await targetOf(deps, machine), machine.generation, account, seconds),
    ),
  );
  return all.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
}

/** Ends the intent. @param to null: the end stays as it was @returns false when the reservation is over */
function finish(
  deps: ReservationsDeps,
  { row: { id, extensions }, from, to }: Intent,
  done: boolean,
): Promise<boolean> {
  const isOurs = and(
    eq(reservations.id, id),
    eq(reservations.state, RESERVATION.active),
    eq(reservations.extendTo, to),
  );
  return transact(deps.db, async (tx) => {
    const ends = done ? { endsAt: to, extensions: to > from ? extensions + 1 : extensions } : {};
    const mine = matched(
      await tx
        .update(reservations)
        .set({ extendTo: null, extendLease: null, ...ends })
        .where(isOurs),
    );
    // After a COMMIT whose answer was lost, it is done already.
    const isDone = and(
      eq(reservations.id, id),
      isNull(reservations.extendTo),
      eq(reservations.endsAt, done ? to : from),
    );
    if (mine === 0) return (await tx.$count(reservations, isDone)) > 0;
    if (done)
      await record(deps, tx, "reservation.extended", id, { from: from.toISOString(), to: to.toISOString() });
    return true;
  });
}

/** Leaves a reservation as it was, unless it was extended after all: a COMMIT may have lost its answer. An account that can't be reached is removed at the reservation's end all the same. */
async function undo(deps: ReservationsDeps, intent: Intent): Promise<void> {
  const isUnderWay = and(eq(reservations.id, intent.row.id), eq(reservations.extendTo, intent.to));
  if ((await deps.db.$count(reservations, isUnderWay)) === 0) return;
  await rewrite(deps, intent, intent.from);
  await finish(deps, intent, false);
}

/**
 * Moves a reservation's end, on all machines or on none; never beyond a start that was told to somebody.
 * @param userId finds only this user's
 * @returns it, with its new end
 * @throws PoolError cannot_extend with the longest possible end, machines_unreachable, reservation_not_found
 */
export async function extend(
  deps: ReservationsDeps,
  id: string,
  input: ExtendInput,
  userId?: string,
): Promise<ReservationView> {
  const intent = await begin(deps, id, input, userId);
  const failed = await rewrite(deps, intent, intent.to);
  if (failed.length > 0) {
    await undo(deps, intent);
    const fault = failed.find((one) => one instanceof MachineFault);
    if (!fault) throw failed[0];
    throw new PoolError(
      "machines_unreachable",
      `It could not be extended on every machine: ${FAULT_WORDS[fault.kind]}`,
    );
  }
  let done: boolean;
  try {
    done = await finish(deps, intent, true);
  } catch (error) {
    await undo(deps, intent).catch(() => {}); // or `undoExtensions`, when our lease has run out
    throw error;
  }
  if (!done) throw over();
  deps.changes.dispatchEvent(new Event("change"));
  return viewReservation(deps, id, userId);
}

/** Undoes extensions that a stopped process left: their reservations end when they would have. @returns how many */
export async function undoExtensions({ db }: ReservationsDeps): Promise<number> {
  return matched(
    await db
      .update(reservations)
      .set({ extendTo: null, extendLease: null })
      .where(lte(reservations.extendLease, sql`${now}`)),
  );
}
