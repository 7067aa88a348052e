import { and, eq, sql } from "drizzle-orm";
import { matched, now, type Tx, transact } from "../../../db/client.ts";
import { machines } from "../../../db/schema/pool.ts";
import { holds, reservations } from "../../../db/schema/reservations.ts";
import { record } from "../../audit/events.ts";
import { clean } from "../../lifecycle/clean.ts";
import { heldAs } from "../../lifecycle/lease.ts";
import { lockReservation } from "../../lifecycle/settle.ts";
import { HELD, machineMay, machineMoves, RESERVATION } from "../../lifecycle/states.ts";
import type { Machine } from "../../lifecycle/target.ts";
import type { ReservationsDeps } from "../deps.ts";
import { readClock, wantedOf } from "../schedule/world.ts";
import type { Allocated } from "../steps/allocate.ts";
import { createOn, credentialOf } from "../steps/prepare.ts";
import { TooFew, take } from "../steps/take.ts";
import { slotName } from "../view.ts";

const MOST = 20;
const MINUTE = 60_000;

/** A condition: the slot has neither a machine nor one that is being prepared for it. */
const isLacking = and(
  eq(holds.lacking, true),
  sql`NOT EXISTS (SELECT 1 FROM machines m WHERE m.id = ${holds.liveMachine}
    AND m.reservation_id = ${holds.reservationId} AND m.state IN ${HELD})`,
);

/** Claims a machine for a slot that lacks one. @returns undefined: none is free, or nothing is lacking any more */
async function claimFor(deps: ReservationsDeps, id: string, slot: number) {
  const work = async (tx: Tx) => {
    const row = await lockReservation(tx, id);
    if (row?.state !== RESERVATION.active || row.uid === null) return undefined;
    // It is being extended: how long the machine must be free isn't known yet.
    if (row.extendTo !== null) return undefined;
    const its = and(eq(holds.reservationId, id), eq(holds.slot, slot));
    const lacks = await tx.select({ id: holds.id }).from(holds).where(and(its, isLacking)).limit(1);
    if (lacks.length === 0) return undefined;
    const durationMinutes = Math.ceil((row.endsAt.getTime() - (await readClock(tx))) / MINUTE);
    if (durationMinutes <= 0) return undefined;
    // A machine gives no uid twice: one that had its account before, or was being given it, would refuse it again and again.
    const had = await tx.select({ name: holds.machineName }).from(holds).where(eq(holds.reservationId, id));
    const own = wantedOf(row);
    const wanted = { ...own, except: [...(own.except ?? []), ...had.map(({ name }) => name)] };
    const claim = { reservationId: id, count: 1, durationMinutes, wanted, slot };
    // Until its account is there, the new machine's hold is the one that lacks a machine.
    await tx.update(holds).set({ lacking: false }).where(its);
    const [machine] = await take(deps, tx, claim);
    if (!machine) return undefined;
    await tx.update(holds).set({ lacking: true }).where(eq(holds.liveMachine, machine.id));
    const allocated: Allocated = {
      id,
      username: row.username,
      durationMinutes,
      wanted,
      machines: [machine],
      uid: row.uid,
    };
    return { allocated, machine };
  };
  try {
    return await transact(deps.db, work);
  } catch (error) {
    if (error instanceof TooFew) return undefined;
    throw error;
  }
}

/** Commits that the account is there. @returns false: the reservation is over, or the machine was taken over */
function confirmSlot(deps: ReservationsDeps, id: string, machine: Machine, slot: number): Promise<boolean> {
  return transact(deps.db, async (tx) => {
    if ((await lockReservation(tx, id))?.state !== RESERVATION.active) return false;
    const [hold] = await tx.select().from(holds).where(eq(holds.liveMachine, machine.id));
    // Its slot was released in the meantime.
    if (!hold?.lacking) return false;
    const mine = matched(
      await tx
        .update(machines)
        .set({ ...machineMoves("confirm"), leaseWorker: null, leaseUntil: null })
        .where(and(heldAs(deps, machine), machineMay("confirm"))),
    );
    if (mine === 0) return false;
    await tx.update(holds).set({ confirmedAt: now, lacking: false }).where(eq(holds.liveMachine, machine.id));
    await record(deps, tx, "reservation.replaced", id, { machine: machine.name, slot: slotName(slot) });
    return true;
  });
}

/** Gives a machine back that could not be prepared, or is no longer needed. */
async function abandon(deps: ReservationsDeps, machine: Machine): Promise<void> {
  const mine = matched(
    await deps.db
      .update(machines)
      .set({ ...machineMoves("abandon"), retryAt: now })
      .where(and(heldAs(deps, machine), machineMay("abandon"))),
  );
  if (mine > 0) await clean(deps, machine);
}

async function refillSlot(deps: ReservationsDeps, id: string, slot: number): Promise<boolean> {
  const claimed = await claimFor(deps, id, slot);
  if (!claimed) return false;
  const { allocated, machine } = claimed;
  let isThere = false;
  try {
    const fault = await createOn(deps, allocated, await credentialOf(deps, id), machine);
    isThere = !fault && (await confirmSlot(deps, id, machine, slot));
  } finally {
    if (!isThere) await abandon(deps, machine);
  }
  return isThere;
}

/** Gives reservations another machine in the slots of those that broke, as far as any are free. @returns how many */
export async function refill(deps: ReservationsDeps): Promise<number> {
  const lacking = await deps.db
    .select({ id: holds.reservationId, slot: holds.slot })
    .from(holds)
    .innerJoin(reservations, eq(reservations.id, holds.reservationId))
    .where(and(eq(reservations.state, RESERVATION.active), isLacking))
    .groupBy(holds.reservationId, holds.slot)
    // For some there may be no machine for hours.
    .orderBy(sql`RAND()`)
    .limit(MOST);
  const all = await Promise.allSettled(lacking.map(({ id, slot }) => refillSlot(deps, id, slot)));
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return lacking.length;
}
