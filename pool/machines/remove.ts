import { and, eq, isNull } from "drizzle-orm";
import { matched, type Tx, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { record } from "../audit/events.ts";
import { PoolError } from "../errors.ts";
import { leaseIsFree, takeOver } from "../lifecycle/lease.ts";
import { finishRemoval, isThere } from "../lifecycle/removal.ts";
import { rememberDirty } from "../lifecycle/removed_dirty.ts";
import { tellChange } from "../lifecycle/settle.ts";
import { MACHINE, MACHINE_MOVES, machineMay, machineMoves } from "../lifecycle/states.ts";
import type { Machine } from "../lifecycle/target.ts";
import type { MachinesDeps } from "./deps.ts";

/** A free machine that may still have an account: a probe or the first inspection found an orphaned one. */
const leftOn = ({ state, fault }: Machine) => state === MACHINE.quarantined && fault === "leftovers";

/**
 * Removes a free machine in one statement: a claim locks the row and sets its holder in the same transaction, so one of
 * the two finds nothing.
 * @returns whether it is clean; undefined when it is held, or a worker is on it
 */
function removeFree(deps: MachinesDeps, { id, name }: Machine): Promise<{ clean: boolean } | undefined> {
  const free = and(
    eq(machines.id, id),
    isNull(machines.reservationId),
    machineMay("forgetFree"),
    leaseIsFree,
  );
  let done: { clean: boolean } | undefined;
  const work = async (tx: Tx) => {
    const [machine] = await tx.select().from(machines).where(free).for("update");
    if (!machine || matched(await tx.delete(machines).where(free)) === 0) return undefined;
    const isClean = !leftOn(machine);
    if (!isClean) await rememberDirty(tx, machine, machine.lastError ?? "unknown");
    await record(deps, tx, "machine.removed", name, isClean ? {} : { clean: false });
    done = { clean: isClean };
    return done;
  };
  return transact(deps.db, work, async () => ((await isThere(deps, id)) ? undefined : done));
}

/**
 * Removes a machine from the pool. Once it is in `removing`, there is no way back.
 * @param force even while it is held: the holder's account is removed first
 * @returns whether the machine was left clean (false: it did not answer, or has an orphaned account)
 * @throws PoolError machine_not_found, machine_held
 */
export async function removeMachine(
  deps: MachinesDeps,
  name: string,
  force: boolean,
): Promise<{ clean: boolean }> {
  const [seen] = await deps.db.select().from(machines).where(eq(machines.name, name));
  if (!seen) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  return removeThis(deps, seen, force);
}

/** The same for a machine known by its id: another machine may have its name by now. */
export async function removeThis(
  deps: MachinesDeps,
  seen: Machine,
  force: boolean,
): Promise<{ clean: boolean }> {
  const { name } = seen;
  const free = await removeFree(deps, seen);
  if (free) {
    tellChange(deps);
    return free;
  }
  const [held] = await deps.db.select().from(machines).where(eq(machines.id, seen.id));
  // Another request has just removed it.
  if (!held) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  if (held.state === MACHINE.removing) throw new PoolError("machine_held", `'${name}' is being removed`);
  if (!force)
    throw new PoolError(
      "machine_held",
      held.reservationId
        ? `'${name}' is held by a reservation; release that first, or use ?force=true`
        : `'${name}' is busy right now; try again in a moment`,
    );
  const machine = await takeOver(deps, held, MACHINE_MOVES.remove.from, async (tx, taken) => {
    await tx
      .update(machines)
      .set({ ...machineMoves("remove"), retryAt: null })
      .where(eq(machines.id, taken.id));
    await record(deps, tx, "machine.removing", name, { forced: true, reservation: taken.reservationId });
  });
  if (!machine) throw new PoolError("machine_held", `'${name}' is busy right now; try again in a moment`);
  tellChange(deps);
  return finishRemoval(deps, machine);
}
