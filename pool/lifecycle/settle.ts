import { and, eq, isNull, sql } from "drizzle-orm";
import { inSeconds, matched, now, type Tx, transact } from "../../db/client.ts";
import { violates } from "../../db/errors.ts";
import type { Proof } from "../../db/schema/columns.ts";
import { type Fault, machines } from "../../db/schema/pool.ts";
import { holds, reservations } from "../../db/schema/reservations.ts";
import { MachineFault } from "../accounts/faults.ts";
import { record } from "../audit/events.ts";
import type { LifecycleDeps } from "./deps.ts";
import { heldAs } from "./lease.ts";
import { EMPTYING, MACHINE, machineMoves, RESERVATION, reservationIn, reservationMay } from "./states.ts";
import type { Machine } from "./target.ts";
import { readTurnaround } from "./turnaround.ts";

/** Closes the record of who held a machine. @param proof null: it was not proved clean */
export async function endHold(tx: Tx, machine: Machine, proof: Proof | null): Promise<void> {
  await tx
    .update(holds)
    .set({ releasedAt: now, proof, quarantined: machine.state === MACHINE.quarantined })
    .where(and(eq(holds.machineId, machine.id), isNull(holds.releasedAt)));
}

/** Marks a reservation as over once it has no machines left to clean. Its row must be locked. */
export async function endWhenEmpty(tx: Tx, id: string): Promise<void> {
  await tx
    .update(reservations)
    .set({
      state: sql`IF(${reservationMay("finish")}, ${RESERVATION.ended}, ${reservations.state})`,
      endedAt: now,
      credential: null,
    })
    .where(
      and(
        eq(reservations.id, id),
        reservationIn(EMPTYING),
        isNull(reservations.endedAt),
        sql`NOT EXISTS (SELECT 1 FROM ${machines} WHERE ${machines.reservationId} = ${id})`,
      ),
    );
}

/** Locks a reservation's row, so that of two machines that become clean at once, one knows that it is the last. */
export async function lockReservation(tx: Tx, id: string) {
  return (await tx.select().from(reservations).where(eq(reservations.id, id)).for("update"))[0];
}

/** Tells this process that plans may be out of date: call it after the commit. */
export const tellChange = ({ changes }: LifecycleDeps): boolean => changes.dispatchEvent(new Event("change"));

/**
 * Offers a machine again, after its last account has been proved to be gone.
 * @returns false, and changes nothing, when the lease was lost in the meantime
 */
export async function offer(deps: LifecycleDeps, machine: Machine, proof: Proof): Promise<boolean> {
  try {
    const offered = await makeAvailable(deps, machine, proof);
    if (offered) tellChange(deps);
    return offered;
  } catch (error) {
    if (!violates(error, "machines_identity")) throw error;
    throw new MachineFault("duplicate", "it is already in the pool under another name");
  }
}

function makeAvailable(deps: LifecycleDeps, machine: Machine, proof: Proof): Promise<boolean> {
  return transact(deps.db, async (tx) => {
    if (machine.reservationId) await lockReservation(tx, machine.reservationId);
    const turnaroundMs = await readTurnaround(tx, machine);
    const done = matched(
      await tx
        .update(machines)
        .set({
          ...machineMoves("offer"),
          reservationId: null,
          leaseWorker: null,
          leaseUntil: null,
          fault: null,
          lastError: null,
          retryAt: null,
          retries: 0,
          probeFailures: 0,
          identity: machine.identity,
          facts: machine.facts,
          turnaroundMs,
          // Learnt during cleaning, unless an admin has set one in the meantime.
          hostKey: sql`COALESCE(${machines.hostKey}, ${machine.hostKey})`,
          lastUsedAt: now,
          probedAt: now,
        })
        .where(heldAs(deps, machine)),
    );
    if (done === 0) return false;
    await endHold(tx, machine, proof);
    await record(deps, tx, "machine.cleaned", machine.name, { reservation: machine.reservationId });
    if (machine.reservationId) await endWhenEmpty(tx, machine.reservationId);
    return true;
  });
}

/** Somebody must look into these. They are still retried, an hour apart, in case it was fixed on the machine. */
const FOR_A_PERSON: ReadonlySet<Fault> = new Set(["host_key", "foreign_account", "duplicate"]);
const HOUR = 3600;

/** Seconds until the next try: exponential with full jitter, at most an hour; trying a dead machine costs little. */
export function backoffSeconds(fault: Fault, retries: number, random = Math.random()): number {
  if (FOR_A_PERSON.has(fault)) return HOUR;
  const most = fault === "unreachable" ? 300 : HOUR;
  return Math.max(1, Math.round(random * Math.min(most, 5 * 2 ** Math.min(retries, 20))));
}

/** A fault as a machine's row stores it; two kinds aren't the machine's fault alone, so the column doesn't have them. */
export const faultColumn = ({ kind }: MachineFault): Fault =>
  kind === "uid_taken" || kind === "refused" ? "failed" : kind;

/** The columns of a machine that is quarantined, with the reason. */
export function quarantineColumns(fault: MachineFault, retries: number) {
  const kind = faultColumn(fault);
  return {
    ...machineMoves("quarantine"),
    fault: kind,
    lastError: fault.message,
    retryAt: inSeconds(backoffSeconds(kind, retries)),
    retries: retries + 1,
    leaseWorker: null,
    leaseUntil: null,
  };
}

/** Records that a machine was quarantined, and why. */
export function recordFault(
  deps: LifecycleDeps,
  tx: Tx,
  machine: Machine,
  fault: MachineFault,
): Promise<void> {
  return record(deps, tx, "machine.quarantined", machine.name, { fault: fault.kind, reason: fault.message });
}

/** Quarantines a machine that we hold; it keeps its holder, whose account may still be there. */
export async function quarantine(deps: LifecycleDeps, machine: Machine, fault: MachineFault): Promise<void> {
  const since = machine.state === MACHINE.quarantined ? machine.since : now;
  const isNew = await transact(deps.db, async (tx) => {
    const mine = matched(
      await tx
        .update(machines)
        .set({ ...quarantineColumns(fault, machine.retries), since })
        .where(heldAs(deps, machine)),
    );
    // A retry that fails like the one before is no news, and must not fill the audit trail.
    if (mine === 0 || machine.state === MACHINE.quarantined) return false;
    await recordFault(deps, tx, machine, fault);
    return true;
  });
  if (isNew) tellChange(deps);
  const level = FOR_A_PERSON.has(fault.kind as Fault) ? "error" : "warn";
  deps.log(level, "machine quarantined", { machine: machine.name, fault: fault.kind, reason: fault.message });
}
