import { and, asc, eq, sql } from "drizzle-orm";
import { matched, now } from "../../db/client.ts";
import { machines } from "../../db/schema/pool.ts";
import { MachineFault } from "../accounts/faults.ts";
import type { LifecycleDeps } from "./deps.ts";
import { uidsRunLow } from "./held_back.ts";
import { machineIn, SOUND } from "./states.ts";
import { targetOf } from "./target.ts";

/** Reading a whole disk slows down the machine's user, and us: one at a time. */
const AT_ONCE = 1;
/** When uids run low, one run takes this many machines: still one at a time. */
const WHEN_LOW = 20;

/**
 * Makes every machine due that was last swept more than an hour ago: only sweeps free uids. One whose sweep failed keeps
 * its own retry within the hour.
 */
async function bringForward({ db }: LifecycleDeps): Promise<void> {
  await db
    .update(machines)
    .set({ sweepAt: now })
    .where(
      and(
        sql`${machines.sweepAt} > UTC_TIMESTAMP(3) + INTERVAL 1 HOUR`,
        sql`${machines.sweptAt} < UTC_TIMESTAMP(3) - INTERVAL 1 HOUR`,
      ),
    );
}

/**
 * Sweeps a machine's whole disk once a day, for files that former holders left where a removal does not look.
 * It needs no lease: it carries the machine's current generation, so any later step ends it.
 * @returns how many machines were due
 */
export async function sweep(deps: LifecycleDeps): Promise<number> {
  const low = await uidsRunLow(deps);
  if (low) await bringForward(deps);
  const due = await deps.db
    .select()
    .from(machines)
    .where(and(machineIn(SOUND), sql`${machines.sweepAt} <= UTC_TIMESTAMP(3)`))
    .orderBy(asc(machines.sweepAt))
    .limit(low ? WHEN_LOW : AT_ONCE);
  for (const machine of due) {
    // With two schedulers, only the one that updates the time sweeps. A sweep that fails is retried in an hour.
    const mine = matched(
      await deps.db
        .update(machines)
        .set({ sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL 1 HOUR` })
        .where(and(eq(machines.id, machine.id), eq(machines.sweepAt, machine.sweepAt))),
    );
    if (mine === 0) continue;
    const [clock] = await deps.db
      .select({ at: now.mapWith(machines.sweepAt) })
      .from(machines)
      .limit(1);
    try {
      const uids = await deps.accounts.sweep(
        await targetOf(deps, machine),
        machine.generation,
        machine.reservationId,
      );
      // As of its start: files made since then may be where it had already looked.
      await deps.db
        .update(machines)
        .set({
          uidFloor: 0,
          sweptAt: clock?.at ?? machine.sweptAt,
          sweepAt: sql`UTC_TIMESTAMP(3) + INTERVAL 1 DAY`,
        })
        .where(eq(machines.id, machine.id));
      deps.log("info", "disk swept for former holders' files", { machine: machine.name, uids });
    } catch (error) {
      if (!(error instanceof MachineFault)) throw error;
      deps.log("warn", "disk not swept", {
        machine: machine.name,
        fault: error.kind,
        reason: error.message,
      });
    }
  }
  return due.length;
}
