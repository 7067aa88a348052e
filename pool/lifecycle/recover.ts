import { and, eq, lt, sql } from "drizzle-orm";
import { now, transact } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { reservations } from "../../db/schema/reservations.ts";
import { record } from "../audit/events.ts";
import { clean, takeOverAndClean } from "./clean.ts";
import type { LifecycleDeps } from "./deps.ts";
import { leaseIsFree, takeOver } from "./lease.ts";
import { finishRemoval } from "./removal.ts";
import { endWhenEmpty, lockReservation } from "./settle.ts";
import {
  EMPTYING,
  HALFWAY,
  MACHINE,
  MACHINE_MOVES,
  machineIn,
  machineMoves,
  reservationIn,
  reservationMay,
  reservationMoves,
} from "./states.ts";
import type { Machine } from "./target.ts";
import { waitAgain } from "./wait_again.ts";

/** A preparation whose worker is gone: the reservation fails, and we take over the machine for cleaning. */
async function undo(deps: LifecycleDeps, seen: Machine): Promise<void> {
  const machine = await takeOver(deps, seen, MACHINE_MOVES.abandon.from);
  if (!machine) return;
  const moved = await transact(deps.db, async (tx) => {
    if (machine.reservationId) {
      await lockReservation(tx, machine.reservationId);
      const reason = "the process that prepared it stopped";
      if (!(await waitAgain(deps, tx, machine.reservationId, reason, 0)))
        await tx
          .update(reservations)
          .set({ ...reservationMoves("fail"), reason, idempotencyKey: null, credential: null })
          .where(and(eq(reservations.id, machine.reservationId), reservationMay("fail")));
    }
    await tx
      .update(machines)
      .set({ ...machineMoves("abandon"), retryAt: now })
      .where(and(eq(machines.id, machine.id), eq(machines.generation, machine.generation)));
    await record(deps, tx, "reservation.recovered", machine.reservationId ?? "", { machine: machine.name });
    return (await tx.select().from(machines).where(eq(machines.id, machine.id)))[0];
  });
  deps.log("warn", "recovering a half-made reservation", {
    machine: machine.name,
    reservation: machine.reservationId,
  });
  if (moved) await clean(deps, moved);
}

/** A removal whose worker is gone is finished, never undone: its admin got no answer, and will check whether it is gone. */
async function resumeRemoval(deps: LifecycleDeps, seen: Machine): Promise<void> {
  const machine = await takeOver(deps, seen, MACHINE_MOVES.forget.from);
  if (!machine) return;
  deps.log("warn", "resuming a removal", { machine: machine.name });
  await finishRemoval(deps, machine);
}

/**
 * Finishes or undoes what a stopped worker left half done: preparations, cleanings and removals whose lease ran out.
 * @returns how many machines it took on
 */
export async function recover(deps: LifecycleDeps): Promise<number> {
  const left = await deps.db
    .select()
    .from(machines)
    .where(and(machineIn(HALFWAY), leaseIsFree));
  const all = await Promise.allSettled(
    left.map(async (machine) => {
      if (machine.state === MACHINE.preparing) await undo(deps, machine);
      else if (machine.state === MACHINE.removing) await resumeRemoval(deps, machine);
      else await takeOverAndClean(deps, machine);
    }),
  );
  // Reservations that lost their last machine (removed by force) between two steps.
  const empty = await deps.db
    .select({ id: reservations.id })
    .from(reservations)
    .where(
      and(
        reservationIn(EMPTYING),
        sql`${reservations.endedAt} IS NULL`,
        lt(reservations.createdAt, sql`UTC_TIMESTAMP(3) - INTERVAL 10 SECOND`),
      ),
    );
  for (const { id } of empty)
    await transact(deps.db, async (tx) => {
      await lockReservation(tx, id);
      await endWhenEmpty(tx, id);
    });
  for (const result of all) if (result.status === "rejected") throw result.reason;
  return left.length;
}
