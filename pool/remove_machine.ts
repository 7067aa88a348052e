import { and, eq, isNull } from "drizzle-orm";
import { matched, now, transact } from "../db/client.ts";
import { machines } from "../db/schema.ts";
import { clean } from "./clean.ts";
import type { PoolDeps } from "./deps.ts";
import { PoolError } from "./errors.ts";
import { record } from "./events.ts";
import { leaseIsFree, takeOver } from "./lease.ts";
import { endHold, endWhenEmpty, lockReservation } from "./settle.ts";
import type { Machine } from "./target.ts";
import { rememberUnclean } from "./unclean.ts";

/** Removes a machine that nobody holds; false when somebody does, or works on it right now. */
function removeFree(deps: PoolDeps, { id, name }: Machine): Promise<boolean> {
  return transact(deps.db, async (tx) => {
    const gone = matched(
      await tx.delete(machines).where(and(eq(machines.id, id), isNull(machines.reservationId), leaseIsFree)),
    );
    if (gone > 0) await record(deps, tx, "machine.removed", name);
    return gone > 0;
  });
}

/**
 * Takes a machine out of the pool.
 * @param force also while somebody holds it: their account is removed first
 * @returns whether the machine was left clean (only with force can it be false: it did not answer)
 * @throws PoolError machine_not_found, machine_held
 */
export async function removeMachine(
  deps: PoolDeps,
  name: string,
  force: boolean,
): Promise<{ clean: boolean }> {
  const [seen] = await deps.db.select().from(machines).where(eq(machines.name, name));
  if (!seen) throw new PoolError("machine_not_found", `There is no machine '${name}'`);
  if (await removeFree(deps, seen)) return { clean: true };
  const [held] = await deps.db.select().from(machines).where(eq(machines.id, seen.id));
  if (!held) return { clean: true };
  if (!force)
    throw new PoolError(
      "machine_held",
      held.reservationId
        ? `'${name}' is held by a reservation; release it first, or use ?force=true`
        : `'${name}' is being worked on right now; ask again in a moment`,
    );
  const machine = await takeOver(deps, held, ["reserved", "cleaning", "quarantined"], async (tx, taken) => {
    // Drained, so that it is not offered between its cleaning and its removal.
    const fromHolder =
      taken.state === "reserved" ? { state: "cleaning" as const, since: now, retryAt: now } : {};
    await tx
      .update(machines)
      .set({ ...fromHolder, drained: true })
      .where(eq(machines.id, taken.id));
    await record(deps, tx, "machine.removing", name, { forced: true, reservation: taken.reservationId });
  });
  if (!machine)
    throw new PoolError("machine_held", `'${name}' is being worked on right now; ask again in a moment`);
  if (machine.state === "reserved") machine.state = "cleaning";
  const isClean = await clean(deps, machine);
  await transact(deps.db, async (tx) => {
    if (machine.reservationId) await lockReservation(tx, machine.reservationId);
    // Before its row goes, which says why it could not be cleaned.
    if (!isClean) await rememberUnclean(tx, machine);
    await tx.delete(machines).where(eq(machines.id, machine.id));
    await record(deps, tx, "machine.removed", name, { forced: true, clean: isClean });
    await endHold(tx, machine);
    if (machine.reservationId) await endWhenEmpty(tx, machine.reservationId);
  });
  if (!isClean)
    deps.log("error", "machine removed without being clean", { machine: name, host: machine.host });
  return { clean: isClean };
}
