import { and, eq, isNull, sql } from "drizzle-orm";
import { matched, type Tx, transact } from "../../db/client.ts";
import type { Proof } from "../../db/schema/columns.ts";
import { machines } from "../../db/schema/pool.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { MachineFault } from "../accounts/faults.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { cleanWith } from "./clean.ts";
import type { LifecycleDeps } from "./deps.ts";
import { heldAs, keepLease } from "./lease.ts";
import { rememberDirty } from "./removed_dirty.ts";
import { endHold, endWhenEmpty, lockReservation } from "./settle.ts";
import { MACHINE, machineMay, RESERVATION, reservationMoves } from "./states.ts";
import type { Machine } from "./target.ts";

/** Whether the row exists: for reading back after a COMMIT whose answer was lost. */
export async function isThere(deps: LifecycleDeps, id: string): Promise<boolean> {
  return (await deps.db.select({ id: machines.id }).from(machines).where(eq(machines.id, id))).length > 0;
}

/**
 * Cleans a machine in `removing` that we hold, and deletes its row. Only under the lease and the generation with which
 * it was cleaned: a worker that has taken it over since must still find the row.
 * @throws PoolError machine_held when one has
 */
export async function finishRemoval(deps: LifecycleDeps, machine: Machine): Promise<{ clean: boolean }> {
  const keeper = keepLease(deps, machine);
  try {
    let fault: MachineFault | undefined;
    let proof: Proof | null = null;
    try {
      proof = await cleanWith(deps, machine, keeper.signal);
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      fault = error;
    }
    const readBack = async () => ((await isThere(deps, machine.id)) ? undefined : true);
    if (!(await transact(deps.db, (tx) => takeRow(deps, tx, machine, proof, fault), readBack)))
      throw new PoolError("machine_held", `'${machine.name}' is being removed by another process`);
    if (fault)
      deps.log("error", "machine removed without being clean", {
        machine: machine.name,
        host: machine.host,
        fault: fault.kind,
        reason: fault.message,
      });
    return { clean: !fault };
  } finally {
    keeper.stop();
  }
}

/** @returns false, and changes nothing, when the machine is no longer ours */
async function takeRow(
  deps: LifecycleDeps,
  tx: Tx,
  machine: Machine,
  proof: Proof | null,
  fault?: MachineFault,
): Promise<boolean> {
  const { reservationId } = machine;
  if (reservationId) await lockReservation(tx, reservationId);
  const itsHolder = reservationId
    ? eq(machines.reservationId, reservationId)
    : isNull(machines.reservationId);
  const gone = matched(
    await tx.delete(machines).where(and(heldAs(deps, machine), machineMay("forget"), itsHolder)),
  );
  if (gone === 0) return false;
  if (fault) await rememberDirty(tx, machine, fault.message);
  await record(deps, tx, "machine.removed", machine.name, { forced: true, clean: !fault });
  await endHold(tx, machine, proof);
  if (reservationId) await endWithoutMachines(deps, tx, reservationId);
  return true;
}

/**
 * A reservation without machines is over: it is of no use, and its Idempotency-Key must not be answered with 201. Not one
 * that waits for a replacement: the machine that broke is removed because it broke.
 */
async function endWithoutMachines(deps: LifecycleDeps, tx: Tx, id: string): Promise<void> {
  const over = matched(
    await tx
      .update(reservations)
      .set(reservationMoves("end"))
      .where(
        and(
          eq(reservations.id, id),
          eq(reservations.state, RESERVATION.active),
          sql`NOT EXISTS (SELECT 1 FROM ${machines} WHERE ${machines.reservationId} = ${id} AND ${machines.state} = ${MACHINE.reserved})`,
          sql`NOT EXISTS (SELECT 1 FROM ${holds} WHERE ${holds.reservationId} = ${id} AND ${holds.lacking})`,
        ),
      ),
  );
  if (over > 0) await record(deps, tx, "reservation.ended", id, { reason: "its last machine was removed" });
  await endWhenEmpty(tx, id);
}
