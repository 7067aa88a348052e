import { and, eq, isNull, ne, sql } from "drizzle-orm";
import { MachineFault } from "../accounts/faults.ts";
import { matched, now, type Tx, transact } from "../db/client.ts";
import { machines, reservations } from "../db/schema.ts";
import { cleanWith } from "./clean.ts";
import type { PoolDeps } from "./deps.ts";
import { PoolError } from "./errors.ts";
import { record } from "./events.ts";
import { heldAs, keepLease, leaseIsFree, takeOver } from "./lease.ts";
import { endHold, endWhenEmpty, lockReservation } from "./settle.ts";
import type { Machine } from "./target.ts";
import { rememberUnclean } from "./unclean.ts";

/** What an account may still be on, though nobody holds it: a probe or a first look found one that it did not make. */
const leftOn = ({ state, fault }: Machine) => state === "quarantined" && fault === "leftovers";

/**
 * Removes a machine that nobody holds, in one statement: a claim locks the row, and changes its holder in the same
 * transaction, so one of the two finds nothing.
 * @returns whether it is clean; undefined when somebody holds it, or works on it right now
 */
function removeFree(deps: PoolDeps, { id, name }: Machine): Promise<{ clean: boolean } | undefined> {
  const free = and(
    eq(machines.id, id),
    isNull(machines.reservationId),
    ne(machines.state, "removing"),
    leaseIsFree,
  );
  let done: { clean: boolean } | undefined;
  const work = async (tx: Tx) => {
    const [machine] = await tx.select().from(machines).where(free).for("update");
    if (!machine || matched(await tx.delete(machines).where(free)) === 0) return undefined;
    const isClean = !leftOn(machine);
    if (!isClean) await rememberUnclean(tx, machine, machine.lastError ?? "unknown");
    await record(deps, tx, "machine.removed", name, isClean ? {} : { clean: false });
    done = { clean: isClean };
    return done;
  };
  return transact(deps.db, work, async () => ((await isThere(deps, id)) ? undefined : done));
}

/** After a COMMIT whose answer was lost. */
async function isThere(deps: PoolDeps, id: string): Promise<boolean> {
  return (await deps.db.select({ id: machines.id }).from(machines).where(eq(machines.id, id))).length > 0;
}

/**
 * Takes a machine out of the pool. Once it is in `removing`, nothing else takes it back.
 * @param force also while somebody holds it: their account is removed first
 * @returns whether the machine was left clean (not: it did not answer, or has an account that nobody holds)
 * @throws PoolError machine_not_found, machine_held
 */
export async function removeMachine(
  deps: PoolDeps,
  name: string,
  force: boolean,
): Promise<{ clean: boolean }> {
  const [seen] = await deps.db.select().from(machines).where(eq(machines.name, name));
  if (!seen) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  return removeThis(deps, seen, force);
}

/** The same for a machine that is known by its id: its name may be another one's by now. */
export async function removeThis(deps: PoolDeps, seen: Machine, force: boolean): Promise<{ clean: boolean }> {
  const { name } = seen;
  const free = await removeFree(deps, seen);
  if (free) return free;
  const [held] = await deps.db.select().from(machines).where(eq(machines.id, seen.id));
  // Somebody else has just removed it.
  if (!held) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  if (held.state === "removing") throw new PoolError("machine_held", `'${name}' is being removed`);
  if (!force)
    throw new PoolError(
      "machine_held",
      held.reservationId
        ? `'${name}' is held by a reservation; release it first, or use ?force=true`
        : `'${name}' is being worked on right now; ask again in a moment`,
    );
  const machine = await takeOver(deps, held, ["reserved", "cleaning", "quarantined"], async (tx, taken) => {
    await tx
      .update(machines)
      .set({ state: "removing", since: now, retryAt: null })
      .where(eq(machines.id, taken.id));
    await record(deps, tx, "machine.removing", name, { forced: true, reservation: taken.reservationId });
  });
  if (!machine)
    throw new PoolError("machine_held", `'${name}' is being worked on right now; ask again in a moment`);
  return finishRemoval(deps, machine);
}

/**
 * Cleans a machine in `removing` that we hold, and takes its row away. Only under the lease and the generation with which
 * it was cleaned: whoever took it over meanwhile carries on, and must find the row.
 * @throws PoolError machine_held when somebody did
 */
export async function finishRemoval(deps: PoolDeps, machine: Machine): Promise<{ clean: boolean }> {
  const keeper = keepLease(deps, machine);
  try {
    let fault: MachineFault | undefined;
    try {
      await cleanWith(deps, machine, keeper.signal);
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      fault = error;
    }
    const landed = async () => ((await isThere(deps, machine.id)) ? undefined : true);
    if (!(await transact(deps.db, (tx) => takeRow(deps, tx, machine, fault), landed)))
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

/** @returns false, and nothing was changed, when the machine is not ours any more */
async function takeRow(deps: PoolDeps, tx: Tx, machine: Machine, fault?: MachineFault): Promise<boolean> {
  const { reservationId } = machine;
  if (reservationId) await lockReservation(tx, reservationId);
  const itsHolder = reservationId
    ? eq(machines.reservationId, reservationId)
    : isNull(machines.reservationId);
  const gone = matched(
    await tx.delete(machines).where(and(heldAs(deps, machine), eq(machines.state, "removing"), itsHolder)),
  );
  if (gone === 0) return false;
  if (fault) await rememberUnclean(tx, machine, fault.message);
  await record(deps, tx, "machine.removed", machine.name, { forced: true, clean: !fault });
  await endHold(tx, machine);
  if (reservationId) await endWithoutMachines(deps, tx, reservationId);
  return true;
}

/** A reservation that has lost its last machine is over: nobody can use it, and its key must not be answered with 201. */
async function endWithoutMachines(deps: PoolDeps, tx: Tx, id: string): Promise<void> {
  const over = matched(
    await tx
      .update(reservations)
      .set({ state: "ending" })
      .where(
        and(
          eq(reservations.id, id),
          eq(reservations.state, "active"),
          sql`NOT EXISTS (SELECT 1 FROM ${machines} WHERE ${machines.reservationId} = ${id} AND ${machines.state} = 'reserved')`,
        ),
      ),
  );
  if (over > 0) await record(deps, tx, "reservation.ended", id, { reason: "its last machine was removed" });
  await endWhenEmpty(tx, id);
}
